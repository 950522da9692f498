# mg_options: what every target of ours is compiled with.
find_package(Threads REQUIRED)
add_library(mg_options INTERFACE)
target_include_directories(mg_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(mg_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual)
if(PROJECT_IS_TOP_LEVEL)
  target_compile_options(mg_options INTERFACE -Werror)  # not for those who use the client in a project of their own
endif()
# The macro U(x) of cpprestsdk breaks fmt's headers (measured: docs/design/2026-11-22-cpprestsdk.md).
target_compile_definitions(mg_options INTERFACE _TURN_OFF_PLATFORM_STRING SPDLOG_FMT_EXTERNAL)
target_link_libraries(mg_options INTERFACE Threads::Threads)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(mg_options INTERFACE -Wthread-safety)
endif()
if(MESHGRAFT_SANITIZE)
  target_compile_options(mg_options INTERFACE -fsanitize=${MESHGRAFT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(mg_options INTERFACE -fsanitize=${MESHGRAFT_SANITIZE})
endif()
if(MESHGRAFT_COVERAGE)
  target_compile_options(mg_options INTERFACE --coverage)
  target_link_options(mg_options INTERFACE --coverage)
endif()

execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} rev-parse --short=12 HEAD
  OUTPUT_VARIABLE MESHGRAFT_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT MESHGRAFT_COMMIT)
  set(MESHGRAFT_COMMIT unknown)
endif()
