# The manual page and the completions follow from the command table; the built program prints them.
function(paired_text name)
  set(file ${CMAKE_BINARY_DIR}/share/${name})
  list(JOIN ARGN " " words)
  add_custom_command(OUTPUT ${file}
    COMMAND sh -c "'$<TARGET_FILE:paired>' ${words} > '${file}.part'"
    COMMAND ${CMAKE_COMMAND} -E rename ${file}.part ${file}
    DEPENDS paired VERBATIM)
  set_property(GLOBAL APPEND PROPERTY PAIRED_TEXTS ${file})
endfunction()
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share)
paired_text(paired.1 help --man)
paired_text(paired.bash completion bash)
paired_text(_paired completion zsh)
paired_text(paired.fish completion fish)
paired_text(config.schema.json config schema)
get_property(texts GLOBAL PROPERTY PAIRED_TEXTS)
add_custom_target(texts ALL DEPENDS ${texts})

install(FILES ${CMAKE_BINARY_DIR}/share/paired.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/share/paired.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        RENAME paired)
install(FILES ${CMAKE_BINARY_DIR}/share/_paired DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${CMAKE_BINARY_DIR}/share/paired.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES ${CMAKE_BINARY_DIR}/share/config.schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/paired)
