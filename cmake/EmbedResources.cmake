# attohm_embed(target symbol FILES file ...)
# Compiles the bytes of the files into `target` and defines there
#     const attohm::Resources& attohm::<symbol>();        (src/base/resources.hpp)
# The file list is explicit; the generated source is made again when a file changes.
set(_attohm_embed_script ${CMAKE_CURRENT_LIST_FILE})

function(attohm_embed target symbol)
    cmake_parse_arguments(ARG "" "" "FILES" ${ARGN})
    set(_output ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.cpp)
    set(_paths ${ARG_FILES})
    list(TRANSFORM _paths PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
    foreach(_path IN LISTS _paths)
        if(NOT EXISTS ${_path})
            message(FATAL_ERROR "attohm_embed(${target} ${symbol}): no file ${_path}")
        endif()
    endforeach()
    # "|" keeps the list whole on the command line.
    list(JOIN ARG_FILES "|" _names)
    add_custom_command(
        OUTPUT ${_output}
        COMMAND ${CMAKE_COMMAND} -D EMBED_OUTPUT=${_output} -D EMBED_SYMBOL=${symbol}
                -D EMBED_ROOT=${CMAKE_CURRENT_SOURCE_DIR} -D "EMBED_FILES=${_names}"
                -P ${_attohm_embed_script}
        DEPENDS ${_paths} ${_attohm_embed_script}
        COMMENT "Embedding ${symbol}"
        VERBATIM)
    target_sources(${target} PRIVATE ${_output})
endfunction()

# As a script: writes the source. Bytes are written as escapes, 32 a line, so that any content is safe.
if(CMAKE_SCRIPT_MODE_FILE AND DEFINED EMBED_OUTPUT)
    string(REPLACE "|" ";" _files "${EMBED_FILES}")
    set(_entries "")
    foreach(_name IN LISTS _files)
        file(READ ${EMBED_ROOT}/${_name} _hex HEX)
        string(LENGTH "${_hex}" _digits)
        math(EXPR _size "${_digits} / 2")
        string(REGEX REPLACE "(................................................................)"
               "\\1\"\n        \"" _lines "${_hex}")
        string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" _bytes "${_lines}")
        string(APPEND _entries
               "    {\"${_name}\",\n     std::string_view(\n        \"${_bytes}\", ${_size})},\n")
    endforeach()
    file(WRITE ${EMBED_OUTPUT} "// Made by cmake/EmbedResources.cmake.
#include \"src/base/resources.hpp\"

namespace attohm {

const Resources& ${EMBED_SYMBOL}();

namespace {

constexpr EmbeddedFile kEntries[] = {
${_entries}};

}  // namespace

const Resources& ${EMBED_SYMBOL}() {
    static const Resources resources(kEntries);
    return resources;
}

}  // namespace attohm
")
endif()
