# One library per folder of the house, one test program per test folder, one program per benchmark.

add_library(attohm_options INTERFACE)
target_include_directories(attohm_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(attohm_options INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wdouble-promotion
    $<$<BOOL:${ATTOHM_WERROR}>:-Werror>)
target_link_libraries(attohm_options INTERFACE OpenMP::OpenMP_CXX)
target_compile_definitions(attohm_options INTERFACE EIGEN_DONT_PARALLELIZE)
if(ATTOHM_SANITIZE)
    set(_sanitize -fsanitize=address,undefined -fno-sanitize=null,alignment,vptr,object-size
        -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
    # GCC 12 calls instrumented library code uninitialised where it is not; ci keeps the warning.
    target_compile_options(attohm_options INTERFACE ${_sanitize} -Wno-maybe-uninitialized)
    target_link_options(attohm_options INTERFACE ${_sanitize})
endif()

# Hot kernels: same bytes at every SIMD level, so no contraction; vectorised, so no errno or traps.
set(ATTOHM_KERNEL_FLAGS "-O3 -ffp-contract=off -fno-math-errno -fno-trapping-math")

# attohm_add_library(name SOURCES ... [KERNELS ...] [USES library ...] [PRIVATE_USES library ...])
function(attohm_add_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;KERNELS;USES;PRIVATE_USES" ${ARGN})
    add_library(attohm_${name} STATIC ${ARG_SOURCES} ${ARG_KERNELS})
    target_link_libraries(attohm_${name} PUBLIC attohm_options ${ARG_USES} PRIVATE ${ARG_PRIVATE_USES})
    if(ARG_KERNELS)
        set_source_files_properties(${ARG_KERNELS} PROPERTIES COMPILE_FLAGS "${ATTOHM_KERNEL_FLAGS}")
    endif()
endfunction()

# attohm_add_test(name SOURCES ... USES library ... TIERS unit property stat golden smoke)
# One program; one CTest entry per tier, labelled with it (the Catch2 tag of the tier selects the cases).
function(attohm_add_test name)
    cmake_parse_arguments(ARG "" "" "SOURCES;USES;TIERS" ${ARGN})
    add_executable(${name}_test ${ARG_SOURCES})
    target_link_libraries(${name}_test PRIVATE attohm_test_main ${ARG_USES})
    foreach(tier IN LISTS ARG_TIERS)
        add_test(NAME ${name}.${tier}
                 COMMAND ${name}_test "[${tier}]" --warn NoAssertions --rng-seed 20221 --order lex
                         --durations no
                 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
        # Catch2 2.13 takes one --warn only, so an empty tier is caught by what it prints.
        set_tests_properties(${name}.${tier} PROPERTIES
            LABELS ${tier} FAIL_REGULAR_EXPRESSION "No test cases matched")
    endforeach()
endfunction()

# attohm_ignore_hdf5_leaks(test): for tests that hand damaged files to the HDF5 library.
function(attohm_ignore_hdf5_leaks test)
    set_tests_properties(${test} PROPERTIES ENVIRONMENT
        "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/base/hdf5_leaks.txt:print_suppressions=0")
endfunction()

# attohm_add_benchmark(name USES library ...): scripts/benchmarks/<name>.cpp
function(attohm_add_benchmark name)
    cmake_parse_arguments(ARG "" "" "USES" ${ARGN})
    add_executable(${name} ${name}.cpp)
    target_link_libraries(${name} PRIVATE ${ARG_USES})
endfunction()
