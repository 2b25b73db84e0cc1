# core/base/build.h: version, build id, ordering number. A library of its own, so that tests can link a second,
# "newer" build of the same sources (version hand-over).
find_package(Git QUIET)
set(number "${PAIRED_BUILD_NUMBER}")
set(commit "")
if(Git_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${CMAKE_SOURCE_DIR} log -1 --format=%ct OUTPUT_VARIABLE commit_time
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${GIT_EXECUTABLE} -C ${CMAKE_SOURCE_DIR} rev-parse --short=12 HEAD OUTPUT_VARIABLE commit
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(number STREQUAL "" AND DEFINED ENV{SOURCE_DATE_EPOCH})
  set(number $ENV{SOURCE_DATE_EPOCH})
endif()
if(number STREQUAL "")
  set(number "${commit_time}")
endif()
if(number STREQUAL "")
  set(number 0)
endif()

function(paired_build_info target build_number)
  string(SHA256 id "${PROJECT_VERSION} ${commit} ${build_number} ${CMAKE_BUILD_TYPE} ${PAIRED_SANITIZE} ${CMAKE_C_COMPILER_ID}")
  string(SUBSTRING ${id} 0 16 id)
  set(file ${CMAKE_BINARY_DIR}/generated/${target}.c)
  file(CONFIGURE OUTPUT ${file} CONTENT "#include \"core/base/build.h\"
const char paired_version[] = \"${PROJECT_VERSION}\";
const char paired_build_id[] = \"${id}\";
const int64_t paired_build_number = ${build_number};
")
  add_library(${target} STATIC ${file})
endfunction()
paired_build_info(build_info ${number})
