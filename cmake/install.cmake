include(GNUInstallDirs)
include(texts)
install(TARGETS paired RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS engine LIBRARY DESTINATION lib/paired)
# Units of the user's service manager: shipped, not needed.
foreach(unit paired paired-federate)
  configure_file(${CMAKE_SOURCE_DIR}/packaging/systemd/${unit}.service.in ${CMAKE_BINARY_DIR}/systemd/${unit}.service @ONLY)
endforeach()
install(FILES ${CMAKE_BINARY_DIR}/systemd/paired.service ${CMAKE_BINARY_DIR}/systemd/paired-federate.service
              ${CMAKE_SOURCE_DIR}/packaging/systemd/paired.socket
        DESTINATION lib/systemd/user)
install(FILES ${CMAKE_SOURCE_DIR}/packaging/systemd/paired.tmpfiles DESTINATION share/user-tmpfiles.d
        RENAME paired.conf)
# For editors that want a file or a folder: docs/EDITORS.md.
install(DIRECTORY ${CMAKE_SOURCE_DIR}/editors/neovim ${CMAKE_SOURCE_DIR}/editors/emacs
                  ${CMAKE_SOURCE_DIR}/editors/jetbrains ${CMAKE_SOURCE_DIR}/editors/zed
                  ${CMAKE_SOURCE_DIR}/editors/claude-code
        DESTINATION ${CMAKE_INSTALL_DATADIR}/paired/editors)
