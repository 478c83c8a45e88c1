# Sources made at build time: the completions and the manifests of `pona install` as strings, and the
# commit that was built.
set(generated ${PROJECT_BINARY_DIR}/generated)

foreach(script IN ITEMS pona.bash _pona pona.fish)
  file(READ ${PROJECT_SOURCE_DIR}/completions/${script} completion_${script})
  set_property(DIRECTORY APPEND PROPERTY
    CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/completions/${script})
endforeach()
configure_file(${PROJECT_SOURCE_DIR}/cmake/completions.cpp.in ${generated}/completions.cpp @ONLY)

# Each manifest becomes a member of cmd::manifests, named as the file with "_" for "-".
file(GLOB manifests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/packaging/kubernetes/*.yaml)
set(manifest_definitions "")
foreach(manifest IN LISTS manifests)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${manifest})
  get_filename_component(name ${manifest} NAME_WE)
  string(REPLACE - _ name ${name})
  file(READ ${manifest} text)
  string(APPEND manifest_definitions
    "const std::string_view ${name} = R\"__PONA__(${text})__PONA__\";\n")
endforeach()
configure_file(${PROJECT_SOURCE_DIR}/cmake/install_manifests.cpp.in
  ${generated}/install_manifests.cpp @ONLY)

# Looked up by every build, but the header's time stays while the commit stays.
add_custom_target(pona_commit
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${PROJECT_SOURCE_DIR} -DOUTPUT=${generated}/commit.hpp
          -P ${PROJECT_SOURCE_DIR}/cmake/commit.cmake
  BYPRODUCTS ${generated}/commit.hpp
  COMMENT "")

set(PONA_BUILD_NAME ${CMAKE_BUILD_TYPE})
if(PONA_SANITIZE)
  string(APPEND PONA_BUILD_NAME " ${PONA_SANITIZE}")
endif()
if(PONA_STATIC)
  string(APPEND PONA_BUILD_NAME " static")
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/build.hpp.in ${generated}/build.hpp @ONLY)
set(PONA_GENERATED ${generated}/completions.cpp ${generated}/install_manifests.cpp)
