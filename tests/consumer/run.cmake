# One step of the consumer tests: install, uninstall, or a way for the project to get the library.
cmake_minimum_required(VERSION 3.20)

# What is installed is moved afterwards, so that a path that was baked in shows.
set(staged ${WORK_DIR}/staged)
set(moved ${WORK_DIR}/moved)
set(manifest ${LIBRARY_BUILD}/install_manifest.txt)
set(project_build ${WORK_DIR}/${STEP})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(STEP STREQUAL "install")
  file(REMOVE_RECURSE ${staged} ${moved})
  # The manifest of a real installation must survive this one.
  if(EXISTS ${manifest})
    file(RENAME ${manifest} ${WORK_DIR}/real_manifest.txt)
  endif()
  run(${CMAKE_COMMAND} --install ${LIBRARY_BUILD} --prefix ${staged})
  file(RENAME ${manifest} ${WORK_DIR}/manifest.txt)
  if(EXISTS ${WORK_DIR}/real_manifest.txt)
    file(RENAME ${WORK_DIR}/real_manifest.txt ${manifest})
  endif()
  file(RENAME ${staged} ${moved})
  return()
endif()

if(STEP STREQUAL "uninstall")
  file(RENAME ${moved} ${staged})
  run(${CMAKE_COMMAND} -DMANIFEST=${WORK_DIR}/manifest.txt -P ${LIBRARY_SOURCE}/cmake/uninstall.cmake)
  file(GLOB_RECURSE left LIST_DIRECTORIES false ${staged}/*)
  if(left)
    message(FATAL_ERROR "left behind: ${left}")
  endif()
  return()
endif()

file(REMOVE_RECURSE ${project_build})
set(ENV{PKG_CONFIG_PATH} ${moved}/${LIBDIR}/pkgconfig)
run(${CMAKE_COMMAND} -S ${LIBRARY_SOURCE}/tests/consumer/project -B ${project_build} -G ${GENERATOR}
    -DCMAKE_C_COMPILER=${C_COMPILER} -DCMAKE_CXX_COMPILER=${CXX_COMPILER} -DCMAKE_PREFIX_PATH=${moved}
    -DWAY=${STEP} -DMCP_EVENT_SOURCE_DIR=${LIBRARY_SOURCE} -DMCP_EVENT_CARGO_TARGET_DIR=${CARGO_TARGET_DIR})
run(${CMAKE_COMMAND} --build ${project_build})
set(ENV{LD_LIBRARY_PATH} ${moved}/${LIBDIR})
foreach(program consumer consumer_static)
  if(EXISTS ${project_build}/${program})
    run(${project_build}/${program})
  endif()
endforeach()
