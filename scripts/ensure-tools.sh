#!/bin/sh
# Installs what a job needs and is not there yet. Quiet and instant when nothing is missing.
#
#   scripts/ensure-tools.sh build|demo|test|bench|valgrind|format|windows|real-servers ...
set -eu

# One row a need: its jobs; a command, or a C or C++ header, that shows it is there; its package by package manager, `-`
# where there is none.
needs() {
  cat <<'END'
build     c++               g++                gcc-c++            gcc           g++               gcc           gcc-c++
build     cmake             cmake              cmake              cmake         cmake             cmake         cmake
build     ninja             ninja-build        ninja-build        ninja         samurai           ninja         ninja
build     pkg-config        pkg-config         pkgconf-pkg-config pkgconf       pkgconf           pkgconf       pkg-config
demo,test nlohmann/json.hpp nlohmann-json3-dev json-devel         nlohmann-json nlohmann-json     nlohmann-json nlohmann_json-devel
test      gtest/gtest.h     libgtest-dev       gtest-devel        gtest         gtest-dev         googletest    googletest-devel
bench,test event2/event.h   libevent-dev       libevent-devel     libevent      libevent-dev      libevent      libevent-devel
bench     uv.h              libuv1-dev         libuv-devel        libuv         libuv-dev         libuv         libuv-devel
demo,test,bench asio.hpp          libasio-dev        asio-devel         asio          asio-dev          asio          asio-devel
test      boost/asio.hpp    libboost-dev       boost-devel        boost         boost-dev         boost         boost-devel
bench     ev.h              libev-dev          libev-devel        libev         libev-dev         libev         libev-devel
bench     liburing.h        liburing-dev       liburing-devel     liburing      liburing-dev      -             liburing-devel
valgrind  valgrind          valgrind           valgrind           valgrind      valgrind          valgrind      valgrind
format    clang-format      clang-format       clang-tools-extra  clang         clang-extra-tools clang-format  clang-tools
windows   x86_64-w64-mingw32-g++ g++-mingw-w64-x86-64-posix mingw64-gcc-c++ mingw-w64-gcc mingw-w64-gcc mingw-w64 mingw64-cross-gcc-c++
windows   wine64            wine64             wine               wine          wine              wine-stable   wine
real-servers npm      npm                npm                npm           npm               node          npm-default
real-servers python3  python3            python3            python        python3           python        python3
END
}

is_there() {
  case $1 in
    *.h | *.hpp)
      for place in /usr/include /usr/local/include /opt/homebrew/include /usr/include/*-linux-gnu*; do
        if [ -e "$place/$1" ]; then return 0; fi
      done
      return 1
      ;;
    # Debian's is in no path.
    wine64) command -v wine64 || command -v wine || [ -x /usr/lib/wine/wine64 ] ;;
    *) command -v "$1" ;;
  esac
}

# The package manager, the column of its packages, and how it installs.
choose_manager() {
  if command -v apt-get >/dev/null; then column=3 install="apt-get install -y -qq --no-install-recommends"
  elif command -v dnf >/dev/null; then column=4 install="dnf install -y"
  elif command -v pacman >/dev/null; then column=5 install="pacman -S --needed --noconfirm"
  elif command -v apk >/dev/null; then column=6 install="apk add"
  elif command -v brew >/dev/null; then column=7 install="brew install"
  elif command -v zypper >/dev/null; then column=8 install="zypper --non-interactive install"
  else column= install=
  fi
}

[ $# -gt 0 ] || { echo "usage: $0 build|demo|test|bench|valgrind|format|windows|real-servers ..." >&2; exit 2; }

wanted=""
for job in "$@"; do
  of_job=$(needs | awk -v job="$job" 'index("," $1 ",", "," job ",") { print $2 }')
  [ -n "$of_job" ] || { echo "$0: unknown job: $job" >&2; exit 2; }
  wanted="$wanted $of_job"
done
missing=""
for probe in $wanted; do
  case " $missing " in *" $probe "*) continue ;; esac
  is_there "$probe" >/dev/null 2>&1 || missing="$missing $probe"
done
[ -n "$missing" ] || exit 0

choose_manager
if [ -z "$install" ]; then
  echo "Please install what provides:$missing" >&2
  exit 1
fi
packages=""
for probe in $missing; do
  packages="$packages $(needs | awk -v probe="$probe" -v column="$column" '$2 == probe { if ($column != "-") print $column; exit }')"
done
case $packages in *[!\ ]*) ;; *) exit 0 ;; esac

# Homebrew wants no root; the others do.
if [ "$(id -u)" -eq 0 ] || [ "$column" -eq 7 ]; then
  as_root=""
elif sudo -n true 2>/dev/null; then
  as_root="sudo"
else
  echo "Please run: sudo $install$packages" >&2
  exit 1
fi

echo "Installing:$packages" >&2
export DEBIAN_FRONTEND=noninteractive
if [ "$column" -eq 3 ]; then $as_root apt-get update -qq >&2; fi
# shellcheck disable=SC2086  # a list of words each
$as_root $install $packages >&2
