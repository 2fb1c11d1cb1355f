# Adds the members of the archive ADDED to the archive LIBRARY. By a script of ar's, because plain ar would put the
# archive into the archive.
file(WRITE ${LIBRARY}.mri "create ${LIBRARY}.merged\naddlib ${LIBRARY}\naddlib ${ADDED}\nsave\nend\n")
execute_process(COMMAND ${AR} -M INPUT_FILE ${LIBRARY}.mri COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${LIBRARY}.merged ${LIBRARY})
file(REMOVE ${LIBRARY}.mri)
