# layers.awk: the rules of CONTRIBUTING.md that a machine can see. Reads C files, prints "file:line: what", ends with 1 when
# it printed anything. Rules: includes point downward in the layer table; a third-party header is included only by its
# door; a file has at most 450 lines or says why ("over 450") in its first 15; a function has at most 80; some calls of the
# C library are not used. POSIX awk.

BEGIN {
    # What each layer may include besides itself. protos stands for the generated callmesh/v1/*.h.
    may["base"] = ""
    may["number"] = "base"
    may["cage"] = "base"
    may["wire"] = "base"
    may["media"] = "base"
    may["encode"] = "base"
    may["vault"] = "base"
    may["depot"] = "base"
    may["store"] = "base"
    may["http"] = "base"
    may["bus"] = "base protos"
    may["sites"] = "base bus store protos"
    may["daemon"] = "base bus http protos"
    may["capture"] = "base cage wire bus daemon protos"
    may["callstate"] = "base number wire bus store sites daemon protos"
    may["render"] = "base cage media"
    may["recorder"] = "base wire media vault depot bus daemon protos"
    may["api"] = "base number media encode vault depot bus store sites http daemon protos"

    # Header prefix and the folder that is its door. tests/ may look at anything, tools/ and bench/ are programs of
    # their own.
    door["nng/"] = "lib/bus/"
    door["libpq-fe.h"] = "lib/store/"
    door["postgres"] = "lib/store/"
    door["microhttpd.h"] = "lib/http/"
    door["pcap.h"] = "services/capture/"
    door["pcap/"] = "services/capture/"
    door["ini.h"] = "lib/base/"
    door["seccomp.h"] = "lib/cage/"
    door["curl/"] = "lib/depot/"
    # A codec library: one file and its test.
    door["opus/"] = "lib/media/codec_opus lib/encode/"
    door["ogg/"] = "lib/encode/"
    door["FLAC/"] = "lib/encode/"
    door["lame/"] = "lib/encode/"
    door["spandsp"] = "lib/media/codec_spandsp"
    door["opencore-amr"] = "lib/media/codec_amr"
    door["srtp2/"] = "lib/media/srtp"
    door["speex/speex_resampler"] = "lib/media/resample"
    door["speex/speex.h"] = "services/render/codec_speex services/render/decoders_test"
    door["libavcodec/"] = "services/render/codec_av services/render/decoders_test"
    door["libavutil/"] = "services/render/codec_av services/render/decoders_test"

    calls = "(strcpy|strcat|sprintf|vsprintf|atoi|atol|atoll|alloca|strtok|strtok_r|gets)"
}

function report(line, what) {
    printf "%s:%d: %s\n", name, line, what
    bad++
}

# The layer a file of ours belongs to, "" for programs and tests.
function layer_of(path,   part) {
    split(path, part, "/")
    return part[1] == "lib" || part[1] == "services" ? part[2] : ""
}

function has_word(list, word) {
    return index(" " list " ", " " word " ") > 0
}

# The file stands behind one of the doors.
function at_door(doors,   part, i) {
    for (i = split(doors, part, " "); i > 0; i--)
        if (index(name, part[i]) == 1)
            return 1
    return 0
}

function check_include(line, target,   layer, to, part, prefix) {
    layer = layer_of(name)
    for (prefix in door)
        if (index(target, prefix) == 1 && (layer != "" || name ~ /^lib/) && !at_door(door[prefix]))
            report(line, "<" target "> belongs to " door[prefix] " alone")
    if (layer == "" || target !~ /\//)
        return
    split(target, part, "/")
    to = part[1] == "callmesh" ? "protos" : part[1]
    if (to == "services" || to == "lib")
        report(line, "\"" target "\": include by the name under lib/, never by the path in the tree")
    else if (to == "tests") {
        if (name !~ /_(test\.c|kit\.h)$/) # x_kit.h: what the tests of one folder share
            report(line, "\"" target "\": only tests include helpers of tests")
    } else if ((to in may || to == "protos") && to != layer && !has_word(may[layer], to))
        report(line, "\"" target "\": " layer " may not include " to)
}

# Text without strings, characters and comments; comment state goes over lines.
function code_of(text,   out, at) {
    gsub(/\\./, "", text)
    gsub(/"[^"]*"/, "\"\"", text)
    gsub(/'[^']*'/, "''", text)
    out = ""
    while (text != "") {
        if (in_comment) {
            at = index(text, "*/")
            if (!at)
                return out
            in_comment = 0
            text = substr(text, at + 2)
            continue
        }
        if (match(text, /\/\/|\/\*/) == 0)
            return out text
        out = out substr(text, 1, RSTART - 1)
        if (substr(text, RSTART, 2) == "//")
            return out
        in_comment = 1
        text = substr(text, RSTART + 2)
    }
    return out
}

function end_file() {
    if (name != "" && lines > 450 && !excused)
        report(lines, lines " lines; over 450 needs its reason in the head")
}

FNR == 1 {
    end_file()
    name = FILENAME
    sub(/^\.\//, "", name)
    lines = 0
    excused = 0
    in_comment = 0
    opened = 0
}

{
    lines = FNR
    if (FNR <= 15 && /[Oo]ver 450/)
        excused = 1
    if (match($0, /^[ \t]*#[ \t]*include[ \t]*["<][^">]+[">]/)) {
        target = substr($0, RSTART, RLENGTH)
        sub(/^[^"<]*["<]/, "", target)
        sub(/[">]$/, "", target)
        check_include(FNR, target)
        next
    }
    code = code_of($0)
    if (match(code, "(^|[^A-Za-z0-9_])" calls "[ \t]*\\(")) {
        word = substr(code, RSTART, RLENGTH)
        gsub(/[^A-Za-z0-9_]/, "", word)
        report(FNR, word "() is not used here")
    }
    if ($0 == "{")
        opened = FNR
    else if (opened && /^}/) {
        if (FNR - opened + 1 > 80)
            report(opened, "a function of " (FNR - opened + 1) " lines; a screen has 80")
        opened = 0
    }
}

END {
    end_file()
    exit bad > 0
}
