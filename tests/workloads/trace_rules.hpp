#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "src/base/error.hpp"
#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/trace_draft.hpp"
#include "workloads/forward.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_reader.hpp"

/// One rule of the format broken once, and what has to be said about it.
namespace attohm::testing {

/// Who has to notice: all that reads the file, or `trace check`, for what replay does not read.
enum class Noticed { by_reader, by_check };

struct BrokenRule {
    std::string rule;
    std::function<void(TraceDraft&)> change;
    std::vector<std::string> words;  ///< of one message: where, got, allowed
    Noticed noticed = Noticed::by_reader;
};

inline BrokenRule without(const std::string& path, std::vector<std::string> words = {}) {
    words.push_back(":" + path);
    words.push_back("missing");
    return {"without " + path, [path](TraceDraft& draft) { draft.drop(path); }, std::move(words)};
}

inline BrokenRule with(const std::string& attribute, const H5Value& value,
                       std::vector<std::string> words) {
    words.push_back(":" + attribute);
    return {"another " + attribute,
            [attribute, value](TraceDraft& draft) { draft.set(attribute, value); },
            std::move(words)};
}

/// Other sizes, with values that would be right.
inline BrokenRule shaped(const std::string& path, const H5Shape& shape, const std::string& allowed,
                         Noticed noticed = Noticed::by_reader) {
    const auto change = [path, shape](TraceDraft& draft) {
        DraftObject& object = draft.at(path);
        object.shape = shape;
        std::visit(
            [&](auto& values) {
                if constexpr (requires { values.resize(1); }) values.resize(shape_elements(shape));
            },
            object.values);
    };
    return {path + " as " + shape_text(shape),
            change,
            {":" + path + ": ", "got " + shape_text(shape), "allowed: " + allowed},
            noticed};
}

/// Elements as float64, which no dataset of a trace is.
inline BrokenRule as_double(const std::string& path, const std::string& allowed,
                            Noticed noticed = Noticed::by_reader) {
    const auto change = [path](TraceDraft& draft) {
        DraftObject& object = draft.at(path);
        object.values = std::vector<double>(shape_elements(object.shape), 0.5);
    };
    return {path + " as float64",
            change,
            {":" + path + ": wrong data type", "got float64", "allowed: " + allowed},
            noticed};
}

/// One element changed.
template <class T>
BrokenRule element(const std::string& path, std::size_t at, T value, std::vector<std::string> words,
                   Noticed noticed = Noticed::by_reader) {
    words.push_back(":" + path + ": ");
    const auto change = [path, at, value](TraceDraft& draft) {
        std::get<std::vector<T>>(draft.at(path).values).at(at) = value;
    };
    return {"an element of " + path, change, std::move(words), noticed};
}

/// Opens and reads all. Returns: the first fault, "" without one.
inline std::string fault_of_reader(const std::string& path) {
    try {
        const TraceReader reader(path);
        if (reader.has_weights() && reader.model().family != "gcn")
            (void)Network(reader.model(), reader.weights());
        const auto read = [&](const Sample& sample) {
            (void)reader.layer_shapes(sample);
            for (int layer = 0; layer < sample.layers_stored; ++layer)
                (void)reader.layer(sample, layer, true);
        };
        for (int i = 0; i < reader.samples(); ++i) read(reader.sample(i));
        for (int i = 0; i < reader.calibration_samples(); ++i) read(reader.calibration_sample(i));
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

inline bool holds_all(const std::string& message, const std::vector<std::string>& words) {
    return std::all_of(words.begin(), words.end(), [&](const std::string& word) {
        return message.find(word) != std::string::npos;
    });
}

/// That each row's fault is found and told; and that the draft is right without it.
inline void check_rules(const TraceDraft& sound, const std::vector<BrokenRule>& rules) {
    const TemporaryDirectory directory;
    const std::string path = directory.file("bad.h5");
    sound.write(path);
    CHECK(fault_of_reader(path).empty());
    CHECK(check_trace(path).problems == std::vector<std::string>{});
    for (const BrokenRule& row : rules) {
        TraceDraft draft = sound;
        row.change(draft);
        draft.write(path);
        std::vector<std::string> words = row.words;
        words.insert(words.end(), {path, "; got ", "; allowed: "});
        const std::vector<std::string> problems = check_trace(path).problems;
        const std::string read = fault_of_reader(path);
        std::string said;
        for (const std::string& problem : problems) said += problem + "\n";
        INFO(row.rule << "\nchecked: " << said << "read: " << read);
        CHECK(std::any_of(problems.begin(), problems.end(),
                          [&](const std::string& problem) { return holds_all(problem, words); }));
        if (row.noticed == Noticed::by_reader) CHECK(holds_all(read, words));
    }
}

}  // namespace attohm::testing
