# What of the kernels and of the op table a saved graph needs. Reads graph.json and lowered/cpu.json with CMake's own JSON;
# nothing else has to be installed.

# Sets `out` to the names of all ops in the folder's graphs, and of those that libpenstock itself asks for.
function(penstock_ops_of_graph folder out)
  set(ops cast constant placeholder)
  foreach(file graph.json lowered/cpu.json)
    if(NOT EXISTS "${folder}/${file}")
      continue()
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${folder}/${file}")
    file(READ "${folder}/${file}" text)
    string(JSON table ERROR_VARIABLE wrong GET "${text}" ops)
    if(wrong)
      message(FATAL_ERROR "${folder}/${file} is no saved graph: ${wrong}")
    endif()
    string(JSON count LENGTH "${table}")
    math(EXPR last "${count} - 1")
    foreach(i RANGE ${last})
      string(JSON op MEMBER "${table}" ${i})
      list(APPEND ops "${op}")
    endforeach()
  endforeach()
  if(NOT EXISTS "${folder}/graph.json")
    message(FATAL_ERROR "there is no ${folder}/graph.json; save a graph with penstock.save")
  endif()
  # A kernel that takes an epilogue is declared under the plain op, and registers both.
  foreach(op conv2d matmul)
    if(op IN_LIST ops OR "core.${op}_tile" IN_LIST ops)
      list(APPEND ops ${op} core.${op}_tile)
    endif()
  endforeach()
  list(REMOVE_DUPLICATES ops)
  set(${out} "${ops}" PARENT_SCOPE)
endfunction()

# Copies the statements of a table whose first argument is among `names`. A statement is what `pattern` matches; its first
# group is the name.
function(penstock_write_subset source target pattern names)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
  file(READ "${source}" text)
  string(REPLACE ";" "@" text "${text}") # a semicolon would end an element of a list
  string(REGEX MATCHALL "${pattern}" statements "${text}")
  set(kept "")
  foreach(statement IN LISTS statements)
    string(REGEX MATCH "${pattern}" whole "${statement}")
    if(CMAKE_MATCH_1 IN_LIST names)
      string(APPEND kept "${statement}\n")
    endif()
  endforeach()
  string(REPLACE "@" ";" kept "${kept}")
  file(GENERATE OUTPUT "${target}" CONTENT "${kept}") # rewritten only when it changes
endfunction()
