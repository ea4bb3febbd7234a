# All mechanics of the build: the lists in the directories stay short.
#
#   kv_core(NAME sources... LIBS ...)     a pure core: links to other cores only; its symbols are tested for purity
#   kv_library(NAME sources... LIBS ...)  a library that may do I/O
#   kv_program(NAME sources... LIBS ...)  an executable in build/bin
#   kv_test(RING NAME sources... LIBS ...) a cmocka program, run by ctest as RING.NAME with label RING
#   kv_fuzzer(NAME sources... LIBS ...)   a libFuzzer program (clang and KV_FUZZ=ON only)

add_library(kv_flags INTERFACE)
target_compile_definitions(kv_flags INTERFACE _GNU_SOURCE)
target_include_directories(kv_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(kv_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wswitch-enum -Wstrict-prototypes -Wmissing-prototypes
  -Wpointer-arith -Wundef -Wvla -Werror -fno-strict-aliasing)
if(KV_SANITIZE)
  # Instrumented code misleads gcc's flow analysis (-Wrestrict, -Wformat-truncation): plain builds are the judges.
  target_compile_options(kv_flags INTERFACE -Wno-error)
  target_compile_options(kv_flags INTERFACE -fsanitize=${KV_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(kv_flags INTERFACE -fsanitize=${KV_SANITIZE})
endif()
if(KV_COVERAGE)
  target_compile_options(kv_flags INTERFACE --coverage)
  target_link_options(kv_flags INTERFACE --coverage)
endif()

find_package(PkgConfig REQUIRED)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(MSGPACK REQUIRED IMPORTED_TARGET msgpack)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(LMDB REQUIRED IMPORTED_TARGET lmdb)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
find_package(Threads REQUIRED)

macro(kv_split_)
  cmake_parse_arguments(KV "" "" "LIBS" ${ARGN})
endmacro()

function(kv_library name)
  kv_split_(${ARGN})
  add_library(${name} STATIC ${KV_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC kv_flags ${KV_LIBS})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
endfunction()

function(kv_core name)
  kv_library(${name} ${ARGN})
  set_property(GLOBAL APPEND PROPERTY KV_CORES ${name})
endfunction()

function(kv_program name)
  kv_split_(${ARGN})
  add_executable(${name} ${KV_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE kv_flags ${KV_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

function(kv_test ring name)
  if(NOT KV_TESTS)
    return()
  endif()
  kv_split_(${ARGN})
  add_executable(test_${ring}_${name} ${KV_UNPARSED_ARGUMENTS})
  target_link_libraries(test_${ring}_${name} PRIVATE kv_flags ${KV_LIBS} PkgConfig::CMOCKA)
  set_target_properties(test_${ring}_${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/${ring})
  add_test(NAME ${ring}.${name} COMMAND test_${ring}_${name})
  set_tests_properties(${ring}.${name} PROPERTIES LABELS ${ring} TIMEOUT 300
    ENVIRONMENT "KV_BIN=${PROJECT_BINARY_DIR}/bin")
endfunction()

function(kv_fuzzer name)
  if(NOT KV_FUZZ)
    return()
  endif()
  kv_split_(${ARGN})
  add_executable(fuzz_${name} ${KV_UNPARSED_ARGUMENTS})
  target_link_libraries(fuzz_${name} PRIVATE kv_flags ${KV_LIBS})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  set_target_properties(fuzz_${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  set_property(GLOBAL APPEND PROPERTY KV_FUZZERS fuzz_${name})
endfunction()
