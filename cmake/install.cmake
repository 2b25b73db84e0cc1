include(GNUInstallDirs)
include(texts)
install(TARGETS paired RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS engine LIBRARY DESTINATION lib/paired)
