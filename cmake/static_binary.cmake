# What only the static binary needs: its link, and functions that keep glibc's name service out.
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
