# Runs inside project() (CMAKE_PROJECT_INCLUDE of the release preset): project() resets the suffixes,
# so setting them on the command line or before it would be lost.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
# Archives want the libraries that their own code calls, which pkg-config names for static links only.
set(PKG_CONFIG_ARGN --static)
