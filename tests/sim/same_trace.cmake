# Runs the same seeds twice, in one process and in two, and one seed with and without its trace: the digests must be equal.
#
# Run as: cmake -DKVSIM=path -P same_trace.cmake

function(digest_of result)
  execute_process(COMMAND ${KVSIM} ${ARGN} OUTPUT_VARIABLE output RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "kvsim ${ARGN} fails:\n${output}")
  endif()
  string(REGEX MATCH "trace digest [0-9a-f]+" digest "${output}")
  set(${result} "${digest}" PARENT_SCOPE)
endfunction()

digest_of(one --seeds 60 --first 7 --jobs 1)
digest_of(two --seeds 60 --first 7 --jobs 2)
if(NOT one OR NOT one STREQUAL two)
  message(FATAL_ERROR "the same seeds give two traces: '${one}' and '${two}'")
endif()
digest_of(quiet --seed 11)
digest_of(loud --seed 11 --trace)
if(NOT quiet OR NOT quiet STREQUAL loud)
  message(FATAL_ERROR "a run changes by being looked at: '${quiet}' and '${loud}'")
endif()
