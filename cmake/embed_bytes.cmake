# cmake -DOUTPUT=… -DFILE=… -DNAME=… -DHEADER=… -P embed_bytes.cmake: a file as an array of bytes and its length.
file(READ ${FILE} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x[0-9a-f][0-9a-f],)(0x[0-9a-f][0-9a-f],)(0x[0-9a-f][0-9a-f],)(0x[0-9a-f][0-9a-f],)(0x[0-9a-f][0-9a-f],)(0x[0-9a-f][0-9a-f],)(0x[0-9a-f][0-9a-f],)(0x[0-9a-f][0-9a-f],))"
                     "\\1\n" bytes "${bytes}")
get_filename_component(base ${FILE} NAME)
file(WRITE ${OUTPUT}.new "// Generated from ${base}; do not edit.
#include \"${HEADER}\"

const unsigned char ${NAME}[] = {
${bytes}
};
const size_t ${NAME}_bytes = sizeof ${NAME};
")
file(RENAME ${OUTPUT}.new ${OUTPUT})
