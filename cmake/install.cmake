# What cmake --install puts where: libraries, headers, the CMake package, the pkg-config file.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/McpEvent)

install(TARGETS mcp_event mcp_event_static EXPORT McpEventTargets
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES ${PROJECT_SOURCE_DIR}/include/mcp_event.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/mcp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

install(EXPORT McpEventTargets NAMESPACE McpEvent:: DESTINATION ${package_dir})
configure_package_config_file(cmake/McpEventConfig.cmake.in ${PROJECT_BINARY_DIR}/McpEventConfig.cmake
  INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/McpEventConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/McpEventConfig.cmake ${PROJECT_BINARY_DIR}/McpEventConfigVersion.cmake
  DESTINATION ${package_dir})

# As seen from the pkg-config file, so that the whole tree can be moved.
file(RELATIVE_PATH include_from_pc ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
if(APPLE)
  set(cpp_runtime c++)
else()
  set(cpp_runtime stdc++ gcc_s)
endif()
set(private_libraries ${cpp_runtime} ${system_libraries} pthread)
list(TRANSFORM private_libraries PREPEND -l)
list(JOIN private_libraries " " private_libraries)
configure_file(cmake/mcp_event.pc.in ${PROJECT_BINARY_DIR}/mcp_event.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/mcp_event.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(MCP_EVENT_INSTALL_SDK_LINK)
  if(WIN32 OR APPLE)
    message(FATAL_ERROR "MCP_EVENT_INSTALL_SDK_LINK: not on this system, which finds libraries otherwise")
  endif()
  # The name that programs linked to the SDK's event library look for.
  set(sdk_link ${PROJECT_BINARY_DIR}/libgopher-mcp-event.so.0)
  file(CREATE_LINK libmcp_event.so.${PROJECT_VERSION_MAJOR} ${sdk_link} SYMBOLIC)
  install(FILES ${sdk_link} DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()

if(is_top_level)
  add_custom_target(uninstall
    COMMAND ${CMAKE_COMMAND} -DMANIFEST=${PROJECT_BINARY_DIR}/install_manifest.txt
            -P ${PROJECT_SOURCE_DIR}/cmake/uninstall.cmake
    VERBATIM)
endif()
