# Appends what the archive CORE holds to the archive LIBRARY, members of one name and all:
#
#   cmake -DAR=gcc-ar -DRANLIB=gcc-ranlib -DLIBRARY=... -DCORE=... -P append_archive.cmake
#
# By a script of ar's: the option for it ("L") is not in every build of GNU's. Nor does such a script take every path,
# so that it is given plain names.
#
# AR and RANLIB are the compiler's, which take its plugin: the plain ones take LLVM's where it is installed, and leave
# every object out of the index whose bitcode is newer than that.
get_filename_component(directory ${LIBRARY} DIRECTORY)
get_filename_component(library ${LIBRARY} NAME)
file(CREATE_LINK ${CORE} ${directory}/mcp_event_core.a COPY_ON_ERROR SYMBOLIC)
file(WRITE ${directory}/append_archive.mri "OPEN ${library}\nADDLIB mcp_event_core.a\nSAVE\nEND\n")
execute_process(COMMAND ${AR} -M INPUT_FILE ${directory}/append_archive.mri
  WORKING_DIRECTORY ${directory} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${RANLIB} ${library} WORKING_DIRECTORY ${directory} COMMAND_ERROR_IS_FATAL ANY)
