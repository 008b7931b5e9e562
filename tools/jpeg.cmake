# A CMake "toolchain file" that makes libjpeg-turbo build only the library we link: turbojpeg-static.
#
# turbojpeg-sys runs CMake's target `install`, which also compiles a second library, the programs and the tests: more
# than half of the work. libjpeg-turbo has no option to leave them out, and a toolchain file (CMAKE_TOOLCHAIN_FILE, set
# in native.py) is the one file of ours that CMake reads there. It names no compiler, so CMake finds it as usual.
include_guard(GLOBAL)

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
