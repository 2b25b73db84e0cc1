# cmake -DOUTPUT=… -DFILES="a.sql;b.sql" [-DHEADER=…] [-DTABLE="struct s table"] -P embed_schema.cmake: numbered SQL files
# as one C table.
# Bytes, not string literals: C11 promises only 4095 characters of a literal.
if(NOT DEFINED HEADER)
  set(HEADER core/store/schema.h)
  set(TABLE "struct schema_step schema_steps")
endif()
set(arrays "")
set(rows "")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME_WE)
  if(NOT name MATCHES "^([0-9][0-9][0-9][0-9])_[a-z0-9_]+$")
    message(FATAL_ERROR "${file}: schema files are named NNNN_words.sql")
  endif()
  math(EXPR version "1${CMAKE_MATCH_1} - 10000")
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],)"
                       "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const unsigned char sql_${name}[] = {\n${bytes}0x00};\n")
  string(APPEND rows "    {${version}, \"${name}\", (const char *)sql_${name}},\n")
endforeach()
file(WRITE ${OUTPUT}.new "// Generated from numbered SQL files; do not edit.
#include \"${HEADER}\"

${arrays}
const ${TABLE}[] = {
${rows}    {0, NULL, NULL},
};
")
file(RENAME ${OUTPUT}.new ${OUTPUT})
