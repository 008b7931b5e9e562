# A CMake "toolchain file" that makes libjpeg-turbo build only the library we link: turbojpeg-static.
#
# turbojpeg-sys runs CMake's target `install`, which also compiles a second library, the programs and the tests: more
# than half of the work. libjpeg-turbo has no option to leave them out, and a toolchain file (CMAKE_TOOLCHAIN_FILE, set
# in native.py) is the one file of ours that CMake reads there.
include_guard(GLOBAL)

# With a toolchain file nobody tells CMake of a compiler that is named in cargo's way, such as zig's for the wheel
# (tools/wheel.py). Without one, CMake finds it as usual.
string(REPLACE "-" "_" _target "$ENV{TARGET}")
foreach(_tool CC:C_COMPILER AR:AR RANLIB:RANLIB)
  string(REPLACE ":" ";" _names "${_tool}")
  list(GET _names 0 _cargo)
  list(GET _names 1 _cmake)
  if(_target AND DEFINED ENV{${_cargo}_${_target}})
    set(CMAKE_${_cmake} "$ENV{${_cargo}_${_target}}" CACHE FILEPATH "" FORCE)
  endif()
endforeach()

function(add_executable name)
  if(PROJECT_NAME STREQUAL "libjpeg-turbo")
    _add_executable(${name} EXCLUDE_FROM_ALL ${ARGN})
  else()
    _add_executable(${name} ${ARGN})
  endif()
endfunction()

function(add_library name type)
  # Object libraries are built when a library that is built needs them.
  if(PROJECT_NAME STREQUAL "libjpeg-turbo" AND NOT name STREQUAL "turbojpeg-static")
    _add_library(${name} ${type} EXCLUDE_FROM_ALL ${ARGN})
  else()
    _add_library(${name} ${type} ${ARGN})
  endif()
endfunction()

# What is not built cannot be installed: of programs and libraries, only turbojpeg-static is.
function(install kind)
  if(PROJECT_NAME STREQUAL "libjpeg-turbo")
    if(kind STREQUAL "PROGRAMS" OR (kind STREQUAL "TARGETS" AND NOT "turbojpeg-static" IN_LIST ARGN))
      return()
    endif()
  endif()
  _install(${kind} ${ARGN})
endfunction()
