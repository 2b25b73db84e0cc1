# paired_layer(NAME dir USES lower… LIBS foreign…): all *.c of a folder as one static library.
#
# A layer may call only what it USES. The check target links the whole layer alone against those, with
# -Wl,--no-undefined, so that an upward call is a link error of the ordinary build.
# clang puts its sanitizer's runtime into executables only, so there libraries have to leave symbols open.
if(CMAKE_C_COMPILER_ID STREQUAL "Clang" AND PAIRED_SANITIZE)
  set(PAIRED_NO_UNDEFINED "")
else()
  set(PAIRED_NO_UNDEFINED -Wl,--no-undefined)
endif()
function(paired_layer name)
  cmake_parse_arguments(ARG "" "DIR" "USES;LIBS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${ARG_DIR}/*.c)
  if(NOT sources)
    message(WARNING "layer ${name} has no sources in ${ARG_DIR}")
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC ${ARG_USES} ${ARG_LIBS})
  set_property(GLOBAL APPEND PROPERTY PAIRED_LAYERS ${name})

  if(NOT PAIRED_NO_UNDEFINED)
    return()
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/layers/empty.c "typedef int layer_check_empty;\n")
  add_library(layer_${name} MODULE ${CMAKE_BINARY_DIR}/layers/empty.c)
  target_link_options(layer_${name} PRIVATE ${PAIRED_NO_UNDEFINED})
  target_link_libraries(layer_${name} PRIVATE -Wl,--whole-archive $<TARGET_FILE:${name}> -Wl,--no-whole-archive
                                              ${ARG_USES} ${ARG_LIBS})
  add_dependencies(layer_${name} ${name})
  set_target_properties(layer_${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/layers)
endfunction()
