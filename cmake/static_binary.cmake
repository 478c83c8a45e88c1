# What only the static binary needs: its link, and functions that keep glibc's name service out.
target_link_options(pona PRIVATE -static-pie -s -Wl,-Map=${PROJECT_BINARY_DIR}/pona.map)
target_sources(pona PRIVATE ${PROJECT_SOURCE_DIR}/packaging/static/no_nss.cpp)
set_property(TARGET pona APPEND PROPERTY LINK_DEPENDS
  ${PROJECT_SOURCE_DIR}/cmake/static_binary.cmake)
