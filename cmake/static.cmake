# Runs inside project() (CMAKE_PROJECT_INCLUDE of the release preset): project() resets the suffixes,
# so setting them on the command line or before it would be lost.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
