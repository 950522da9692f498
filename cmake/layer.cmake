# mg_layer(NAME [USES layer...] [LINKS library...] [STARTS_WITH header]): a static library of every .cc in the current
# folder. USES are the layers that it may include, LINKS the libraries of others; both stay private to it.
function(mg_layer name)
  cmake_parse_arguments(ARG "" "" "USES;LINKS;STARTS_WITH" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PRIVATE mg_options ${ARG_USES} ${ARG_LINKS})
  mg_starts_with(${name} ${ARG_STARTS_WITH})
endfunction()

# mg_starts_with(TARGET [header]): where MESHGRAFT_PRECOMPILE says so, the header that nearly every file of the target
# includes is compiled once. Saves a third of the compiler's time; every file still names what it needs, which the
# builds without it see to.
function(mg_starts_with name)
  if(MESHGRAFT_PRECOMPILE AND ARGN)
    target_precompile_headers(${name} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${PROJECT_SOURCE_DIR}/${ARGN}>")
    # g++ 12 forgets that what is precompiled comes from the system's headers, and warns of std::string + "text" there
    # (https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105329).
    target_compile_options(${name} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
endfunction()
