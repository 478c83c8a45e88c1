# What only the static binary needs: its link, functions that keep glibc's name service out, and what
# Debian hardens its programs with, as far as this compiler knows it for this machine.
include(CheckCXXCompilerFlag)
include(CheckLinkerFlag)
target_link_options(pona PRIVATE -static-pie -s -Wl,-Map=${PROJECT_BINARY_DIR}/pona.map)
# Half a megabyte less; the C library must know it to relocate itself (glibc does from 2.36 on).
check_linker_flag(CXX -Wl,-z,pack-relative-relocs PONA_PACKED_RELOCATIONS)
if(PONA_PACKED_RELOCATIONS)
  target_link_options(pona PRIVATE -Wl,-z,pack-relative-relocs)
endif()
target_sources(pona PRIVATE ${PROJECT_SOURCE_DIR}/packaging/static/no_nss.cpp)
set_property(TARGET pona APPEND PROPERTY LINK_DEPENDS
  ${PROJECT_SOURCE_DIR}/cmake/static_binary.cmake)

target_compile_options(pona_options INTERFACE -Wformat)
target_link_options(pona PRIVATE -Wl,-z,relro -Wl,-z,now)
file(STRINGS ${PROJECT_SOURCE_DIR}/packaging/hardening-flags hardening_flags)
foreach(flag IN LISTS hardening_flags)
  string(MAKE_C_IDENTIFIER PONA_HAS${flag} known)
  check_cxx_compiler_flag(${flag} ${known})
  if(${known})
    # Some distributions define _FORTIFY_SOURCE in the compiler itself.
    string(REGEX REPLACE "^-D([A-Z_]+)=.*" "-U\\1;\\0" flag ${flag})
    target_compile_options(pona_options INTERFACE ${flag})
  endif()
endforeach()
