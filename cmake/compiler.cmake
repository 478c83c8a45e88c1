# How every file is compiled. Warnings are errors where the presets say so, not in the release: a
# newer compiler's new warning is no reason to refuse a user's build.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(CCACHE ccache)
  if(CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  endif()
endif()

# Optimised as a whole when it is linked, a release is a twelfth smaller, and made in the same time.
if(PONA_STATIC)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT PONA_HAS_IPO LANGUAGES CXX)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${PONA_HAS_IPO})
endif()

find_package(Threads REQUIRED)

add_library(pona_options INTERFACE)
target_compile_options(pona_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -ffunction-sections -fdata-sections)
# g++ 12 takes the unused members of moved variants for uninitialized reads when it optimises; and it
# takes the files of a unity build for headers, in which types of unnamed namespaces were a mistake.
target_compile_options(pona_options INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-subobject-linkage>)
target_link_options(pona_options INTERFACE -Wl,--gc-sections)
# Several binaries of 100 MB are linked for the tests. The release keeps the toolchain's own linker.
find_program(MOLD mold)
if(MOLD AND NOT PONA_STATIC)
  target_link_options(pona_options INTERFACE -fuse-ld=mold)
endif()
target_link_libraries(pona_options INTERFACE Threads::Threads)

if(PONA_SANITIZE)
  target_compile_options(pona_options INTERFACE
    -fsanitize=${PONA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(pona_options INTERFACE -fsanitize=${PONA_SANITIZE})
endif()
# The fuzzers of tests/fuzz watch which ways the code takes that reads what others write.
add_library(pona_fuzzed INTERFACE)
set(PONA_FUZZERS OFF)
if(PONA_TESTS AND PONA_SANITIZE MATCHES address AND CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  set(PONA_FUZZERS ON)
  target_compile_options(pona_fuzzed INTERFACE -fsanitize=fuzzer-no-link)
endif()

# The .cpp files below DIRECTORY, at any depth. Those of one folder are compiled a few at a time, as
# one (a unity build): most of a file's time goes into the headers that all of them include. So names
# in unnamed namespaces are unique in their folder. -DCMAKE_UNITY_BUILD=OFF compiles one by one.
set(PONA_UNITY_FILES 8 CACHE STRING "How many files of a folder are compiled as one")
function(pona_sources variable directory)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${directory}/*.cpp)
  pona_group("" ${sources})
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()

# Puts sources into groups of whatever folders.
function(pona_group_any name)
  set(count 0)
  foreach(source IN LISTS ARGN)
    math(EXPR group "${count} / ${PONA_UNITY_FILES}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${name}_${group})
    math(EXPR count "${count} + 1")
  endforeach()
endfunction()

# Puts sources, sorted by their paths, into groups within their folders, whose names begin with PREFIX.
function(pona_group prefix)
  set(folder "")
  foreach(source IN LISTS ARGN)
    cmake_path(GET source PARENT_PATH parent)
    if(NOT parent STREQUAL folder)
      set(folder ${parent})
      set(count 0)
      cmake_path(RELATIVE_PATH parent BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE name)
      string(REPLACE "/" "_" name ${name})
    endif()
    math(EXPR group "${count} / ${PONA_UNITY_FILES}")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${prefix}${name}_${group})
    math(EXPR count "${count} + 1")
  endforeach()
endfunction()
