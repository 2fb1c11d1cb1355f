# mcp_event.map as the linker of macOS wants it: the patterns alone, with its underscore before each name.
#
# Sets exported_symbols_list (of the library) and core_symbols_list (of the Rust core in it). Unproven: no machine
# of that kind has built it yet.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${export_map})
file(READ ${export_map} map)
string(REGEX REPLACE "local:.*" "" map "${map}")
string(REPLACE ";" "" map "${map}")
string(REGEX MATCHALL "\n    [_a-z][^\n]*" patterns "${map}")
list(TRANSFORM patterns REPLACE "\n    " "_")
set(exported_symbols_list ${PROJECT_BINARY_DIR}/exported_symbols.list)
set(core_symbols_list ${PROJECT_BINARY_DIR}/core_symbols.list)
list(JOIN patterns "\n" text)
file(CONFIGURE OUTPUT ${exported_symbols_list} CONTENT "${text}\n" @ONLY)
file(CONFIGURE OUTPUT ${core_symbols_list} CONTENT "_mcp_event_*\n_mcpev_*\n" @ONLY)
