# The row of a scheme that a model cannot be run with, from what the program said. Variables: model, scheme, settings.

{ text = text (text == "" ? "" : " ") $0 }
END {
    sub(/^attohm: /, "", text)
    gsub(/"/, "\"\"", text)
    gsub(/"/, "\"\"", settings)
    print model "," scheme ",\"" settings "\",not defined,,,,,,,,,,,,,,,,,\"" text "\""
}
