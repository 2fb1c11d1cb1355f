# Fails unless LIBRARY exports exactly the symbols listed in EXPECTED; with UPDATE, writes that list anew.
execute_process(COMMAND ${NM} -D --defined-only --format=posix ${LIBRARY}
  OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "\n$" "" output "${output}")
string(REPLACE "\n" ";" lines "${output}")
set(exported)
foreach(line IN LISTS lines)
  # "name@@VERSION type value size"; the version itself is exported too, as an absolute symbol.
  if(NOT line MATCHES "^[^ ]+ A ")
    string(REGEX REPLACE "[@ ].*" "" name "${line}")
    list(APPEND exported ${name})
  endif()
endforeach()
list(SORT exported)

if(UPDATE)
  list(JOIN exported "\n" text)
  file(WRITE ${EXPECTED} "${text}\n")
  return()
endif()

file(STRINGS ${EXPECTED} expected)
set(unexpected ${exported})
list(REMOVE_ITEM unexpected ${expected})
set(missing ${expected})
list(REMOVE_ITEM missing ${exported})
if(unexpected OR missing)
  message(FATAL_ERROR "exported but not listed: ${unexpected}\nlisted but not exported: ${missing}")
endif()
