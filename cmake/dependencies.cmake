# Every library pona uses, by the job it does. Folders of src link these and nothing else, and name
# no library themselves. Within one target the order is the one that static archives need.
find_package(PkgConfig REQUIRED)

function(pona_dependency job)
  add_library(deps_${job} INTERFACE)
  add_library(deps::${job} ALIAS deps_${job})
  foreach(module IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER ${module} id)
    pkg_check_modules(${id} REQUIRED IMPORTED_TARGET GLOBAL ${module})
    target_link_libraries(deps_${job} INTERFACE PkgConfig::${id})
    set(version_${id} ${${id}_VERSION} PARENT_SCOPE)
  endforeach()
endfunction()

pona_dependency(netlink libnl-route-3.0 libnl-genl-3.0 libnl-3.0 libnftnl)
# Archives want the libraries that their own code calls, which pkg-config names for static links only.
# libnftnl's is libmnl: see below.
if(PONA_STATIC)
  set(PKG_CONFIG_ARGN --static)
endif()
pona_dependency(http libcurl libssl libcrypto libnghttp2 libcares zlib)
pona_dependency(yaml yaml-0.1)
pona_dependency(json nlohmann_json)
pona_dependency(cli CLI11)

# Debian has libmnl only as a shared library; static builds fall back on packaging/static/mnl.cpp.
find_library(MNL_LIBRARY mnl)
if(MNL_LIBRARY)
  target_link_libraries(deps_netlink INTERFACE ${MNL_LIBRARY})
elseif(PONA_STATIC)
  add_library(pona_mnl STATIC ${PROJECT_SOURCE_DIR}/packaging/static/mnl.cpp)
  target_link_libraries(pona_mnl PRIVATE pona_options)
  target_link_libraries(deps_netlink INTERFACE pona_mnl)
else()
  message(FATAL_ERROR "libmnl is missing: packaging/install-dependencies installs it")
endif()

# Header-only in every build: the packaged CMake target of spdlog pulls in the shared fmt.
pona_dependency(log)
find_path(SPDLOG_INCLUDE spdlog/spdlog.h REQUIRED)
find_path(FMT_INCLUDE fmt/format.h REQUIRED)
target_include_directories(deps_log SYSTEM INTERFACE ${SPDLOG_INCLUDE} ${FMT_INCLUDE})
target_compile_definitions(deps_log INTERFACE SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)
