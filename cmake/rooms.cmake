# A room is a folder of src/ (design section 2). Its files say by their endings what they are:
#   *_main.cc   a program, named in bridle_program()
#   *_test.cc   unit tests, gathered into one program ROOM_test (ctest label "unit")
#   *_bench.cc  micro-benchmarks (Google Benchmark), gathered into ROOM_bench
#   *.cc        the room's library
# Which rooms a room may include is checked by tools/check-includes, from the same order.

# Micro-benchmarks are there where Google Benchmark is, and are built only when asked for by name.
find_package(benchmark QUIET)
option(BRIDLE_BENCH "offer the micro-benchmarks (ROOM_bench)" ${benchmark_FOUND})

# Their tests have system calls of their own, for disks that break (base/testing/faulty_folder.h).
set(rooms_with_disks base ledger blob image)

# bridle_room(NAME USES rooms... LIBRARIES third-party...)
function(bridle_room name)
  cmake_parse_arguments(ARG "" "" "USES;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc")
  set(tests ${sources})
  set(benches ${sources})
  list(FILTER sources EXCLUDE REGEX "_(main|test|bench)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  list(TRANSFORM ARG_USES PREPEND "room_")
  if(sources)
    add_library(room_${name} STATIC ${sources})
    target_include_directories(room_${name} PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
    target_link_libraries(room_${name} PUBLIC ${ARG_USES} ${ARG_LIBRARIES} Threads::Threads)
    bridle_pch(room_${name} "${ARG_LIBRARIES}")
    bridle_crash_points("${sources}")
  else()
    add_library(room_${name} INTERFACE)
    target_include_directories(room_${name} INTERFACE "${CMAKE_CURRENT_SOURCE_DIR}")
    target_link_libraries(room_${name} INTERFACE ${ARG_USES} ${ARG_LIBRARIES} Threads::Threads)
  endif()
  if(BRIDLE_UNIT_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE room_${name} GTest::gtest GTest::gmock GTest::gtest_main)
    target_compile_definitions(${name}_test PRIVATE BRIDLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    if(name IN_LIST rooms_with_disks)
      target_link_libraries(${name}_test PRIVATE faulty_folder)
    endif()
    target_precompile_headers(${name}_test PRIVATE <gtest/gtest.h> <string> <vector>)
    add_dependencies(unit_tests ${name}_test)
    add_test(NAME unit_${name} COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(unit_${name} PROPERTIES LABELS unit TIMEOUT 300)
  endif()
  if(BRIDLE_BENCH AND benches)
    add_executable(${name}_bench EXCLUDE_FROM_ALL ${benches})
    target_link_libraries(${name}_bench PRIVATE room_${name} benchmark::benchmark benchmark::benchmark_main)
  endif()
endfunction()

# The headers that nearly every file of a room includes, compiled once a room.
function(bridle_pch target libraries)
  set(headers <algorithm> <chrono> <cstdint> <functional> <map> <memory> <optional> <span> <string>
    <string_view> <utility> <variant> <vector>)
  if("Boost::json" IN_LIST libraries)
    list(APPEND headers <boost/json.hpp>)
  endif()
  target_precompile_headers(${target} PRIVATE ${headers})
endfunction()

# Only the files that have crash points know of them: everything else is the same object as in a release.
function(bridle_crash_points sources)
  if(NOT BRIDLE_CRASH_POINTS)
    return()
  endif()
  foreach(source ${sources})
    file(STRINGS ${source} mentions REGEX "crash_(point|vfs)\\.h" LIMIT_COUNT 1)
    if(mentions)
      set_source_files_properties(${source} PROPERTIES COMPILE_DEFINITIONS BRIDLE_CRASH_POINTS)
    endif()
  endforeach()
endfunction()

# bridle_program(NAME MAIN file LIBRARIES rooms-and-libraries...)
function(bridle_program name)
  cmake_parse_arguments(ARG "" "MAIN" "LIBRARIES" ${ARGN})
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/${ARG_MAIN}")
    bridle_crash_points(${ARG_MAIN})
    add_executable(${name} ${ARG_MAIN})
    target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
    if(BRIDLE_CRASH_POINTS)
      # What the linker kept, said by the program itself.
      add_custom_command(TARGET ${name} POST_BUILD VERBATIM
        COMMAND sh -c "BRIDLE_CRASH_POINTS=list ./${name} --version </dev/null >${name}.crash-points"
        WORKING_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
    endif()
  endif()
endfunction()
