# mg_layer(NAME [USES layer...] [LINKS library...]): a static library of every .cc in the current folder.
# USES are the layers that its headers may include; LINKS stay private to its .cc files.
function(mg_layer name)
  cmake_parse_arguments(ARG "" "" "USES;LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC ${ARG_USES} PRIVATE mg_options ${ARG_LINKS})
endfunction()
