# Sources made at build time: the completions as strings, and the commit that was built.
set(generated ${PROJECT_BINARY_DIR}/generated)

foreach(script IN ITEMS pona.bash _pona pona.fish)
  file(READ ${PROJECT_SOURCE_DIR}/completions/${script} completion_${script})
  set_property(DIRECTORY APPEND PROPERTY
    CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/completions/${script})
endforeach()
configure_file(${PROJECT_SOURCE_DIR}/cmake/completions.cpp.in ${generated}/completions.cpp @ONLY)

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
set(PONA_GENERATED ${generated}/completions.cpp)
