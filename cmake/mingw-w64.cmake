# Builds for Windows on x86-64 by MinGW-w64, here or on another system:
#
#   cmake --toolchain cmake/mingw-w64.cmake ...
#
# Rust needs its standard library for the target: rustup target add x86_64-pc-windows-gnu
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

# Of the two kinds that Debian has, the one with std::thread.
set(tools x86_64-w64-mingw32)
find_program(CMAKE_C_COMPILER NAMES ${tools}-gcc-posix ${tools}-gcc REQUIRED)
find_program(CMAKE_CXX_COMPILER NAMES ${tools}-g++-posix ${tools}-g++ REQUIRED)

list(APPEND CMAKE_FIND_ROOT_PATH /usr/${tools})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
