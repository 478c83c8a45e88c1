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

find_package(Threads REQUIRED)

add_library(pona_options INTERFACE)
target_compile_options(pona_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -ffunction-sections -fdata-sections)
# g++ 12 takes the unused members of moved variants for uninitialized reads when it optimises.
target_compile_options(pona_options INTERFACE
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
target_link_options(pona_options INTERFACE -Wl,--gc-sections)
target_link_libraries(pona_options INTERFACE Threads::Threads)

if(PONA_SANITIZE)
  target_compile_options(pona_options INTERFACE
    -fsanitize=${PONA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(pona_options INTERFACE -fsanitize=${PONA_SANITIZE})
endif()
