#include "workloads/trace_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "src/base/parallel.hpp"
#include "src/base/progress.hpp"
#include "workloads/content_hash.hpp"
#include "workloads/forward.hpp"
#include "workloads/graph_network.hpp"
#include "workloads/trace_elements.hpp"
#include "workloads/trace_file.hpp"
#include "workloads/trace_parts.hpp"

namespace attohm {

namespace {

/// float16 tensors are rounded, so more is allowed of them.
double tolerance_of(const H5Group& layer) {
    for (const char* name : {"q", "k", "v", "out"})
        if (layer.info(name).dtype == "float16") return kTolerance16;
    return kTolerance32;
}

class Checker {
  public:
    Checker(const TraceFile& file, Problems& problems, TraceCheck& check)
        : file_(file), problems_(problems), check_(check) {}

    void run(const std::vector<SampleEntry>& entries, Progress& progress) {
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const SampleEntry& entry = entries[i];
            const Sample sample = file_.read_sample(entry, static_cast<int>(i), problems_);
            if (!file_.shape_only()) check_elements(file_, entry, checked_, problems_);
            for (std::size_t layer = 0; layer < entry.attention.size(); ++layer) {
                if (file_.shape_only()) break;
                problems_.attempt([&] { check_layer(entry, sample, static_cast<int>(layer)); });
            }
            progress.tick();
        }
    }

  private:
    void check_layer(const SampleEntry& entry, const Sample& sample, int ordinal) {
        const std::size_t before = problems_.messages().size();
        for (const HeadRange& heads : file_.head_ranges(entry, ordinal, kReadBytes)) {
            const AttentionLayer layer =
                file_.read_layer(entry, ordinal, sample.valid_len, true, problems_, heads);
            // With a tensor missing there is nothing to compare; the fault has been noted.
            if (problems_.messages().size() != before) return;
            check_heads(entry, sample, layer);
        }
        ++check_.layers_checked;
    }

    void check_heads(const SampleEntry& entry, const Sample& sample, const AttentionLayer& layer) {
        const H5Group group = file_.attention_group(entry, layer.layer);
        const double tolerance = tolerance_of(group);
        std::vector<double> errors(layer.q.planes);
        const auto first = static_cast<std::size_t>(layer.first_head);
        parallel_for(errors.size(), [&](std::size_t head) {
            errors[head] =
                attention_error(head_view(layer, sample.index, static_cast<int>(first + head)));
        });
        for (std::size_t head = 0; head < errors.size(); ++head)
            note_error(entry, layer.layer, first + head, errors[head], tolerance,
                       group.where("out"));
    }

    void note_error(const SampleEntry& entry, int layer, std::size_t head, double error,
                    double tolerance, const std::string& where) {
        ++check_.heads_checked;
        if (check_.worst_where.empty() || error > check_.worst_error) {
            check_.worst_error = error;
            check_.worst_where =
                fmt::format("{}/{}, layer {}, head {}",
                            entry.calibration ? "calibration" : "samples", entry.name, layer, head);
        }
        if (!(error <= tolerance))
            problems_.add(UserError(
                "`out` is not the exact attention of q, k, v", where,
                fmt::format("an error of {:.3g} of the largest |out| in head {}", error, head),
                fmt::format("at most {}", tolerance)));
    }

    const TraceFile& file_;
    Problems& problems_;
    TraceCheck& check_;
    std::set<std::string> checked_;  ///< paths of tensors that layers share
};

/// All weights, and that a forward pass can be computed from them.
void check_network(const TraceFile& file, Problems& problems) {
    const std::size_t before = problems.messages().size();
    auto weights = std::make_shared<const Weights>(file.read_weights(problems));
    if (problems.messages().size() != before || file.model().family == "other") return;
    if (file.model().family == "gcn")
        (void)GraphNetwork(file.model(), weights);
    else if (!weights->head.w.empty())
        (void)Network(file.model(), weights);
}

/// What the format has no word for, and elements that stay within its rules, are covered too.
void check_content(const TraceFile& file, Problems& problems, TraceCheck& check) {
    const std::string& stored = file.origin().content_sha256;
    if (stored.empty()) {
        check.content = ContentState::unsealed;
        return;
    }
    const std::string found = content_sha256(file.root());
    check.content = found == stored ? ContentState::verified : ContentState::changed;
    if (found != stored)
        problems.add(UserError("the content is not what was written",
                               file.root().where_attribute("content_sha256"), "content of " + found,
                               stored + ", as the attribute says"));
}

void check_opened(const TraceFile& file, Problems& problems, TraceCheck& check) {
    check.trace_id = file.trace_id();
    check.samples = static_cast<std::int64_t>(file.samples().size());
    check.calibration_samples = static_cast<std::int64_t>(file.calibration().size());
    if (file.has_weights() && !file.shape_only())
        problems.attempt([&] { check_network(file, problems); });
    if (!file.shape_only()) check_mask_values(file, problems);
    Progress progress("check", "samples", check.samples + check.calibration_samples);
    Checker checker(file, problems, check);
    checker.run(file.samples(), progress);
    checker.run(file.calibration(), progress);
    problems.attempt([&] { check_content(file, problems, check); });
}

/// The same fault seen at opening and again at reading is one fault.
std::vector<std::string> without_repeats(const std::vector<std::string>& messages) {
    std::vector<std::string> unique;
    for (const std::string& message : messages)
        if (std::find(unique.begin(), unique.end(), message) == unique.end())
            unique.push_back(message);
    return unique;
}

std::string content_text(ContentState state) {
    switch (state) {
        case ContentState::verified:
            return "verified: content_sha256 is that of every group, attribute and element";
        case ContentState::unsealed:
            return "not verified: the trace stores no content_sha256";
        case ContentState::changed:
            return "changed";
        case ContentState::unread:
            break;
    }
    return "not verified: it cannot be read";
}

const char* content_word(ContentState state) {
    return state == ContentState::verified  ? "verified"
           : state == ContentState::changed ? "changed"
                                            : "not verified";
}

}  // namespace

TraceCheck check_trace(const std::string& path) {
    TraceCheck check;
    check.path = path;
    Problems problems(Problems::On::collect);
    problems.attempt([&] {
        const TraceFile file(path, problems);
        check_opened(file, problems, check);
    });
    check.problems = without_repeats(problems.messages());
    return check;
}

std::string to_text(const TraceCheck& check) {
    std::string text = fmt::format("{}\n", check.path);
    if (!check.trace_id.empty()) {
        text += fmt::format("  trace id        {}\n", check.trace_id);
        text += fmt::format("  content         {}\n", content_text(check.content));
        text += fmt::format(
            "  checked         {} samples, {} calibration samples, {} layers, {} heads\n",
            check.samples, check.calibration_samples, check.layers_checked, check.heads_checked);
    }
    if (!check.worst_where.empty())
        text += fmt::format("  worst error     {:.3g} of max|out| ({})\n", check.worst_error,
                            check.worst_where);
    for (const std::string& problem : check.problems)
        text += fmt::format("  problem         {}\n", problem);
    text += check.good() ? "  good\n" : fmt::format("  {} problem(s)\n", check.problems.size());
    return text;
}

std::string to_json(const TraceCheck& check) {
    const nlohmann::ordered_json json = {{"path", check.path},
                                         {"trace_id", check.trace_id},
                                         {"good", check.good()},
                                         {"content", content_word(check.content)},
                                         {"samples", check.samples},
                                         {"calibration_samples", check.calibration_samples},
                                         {"layers_checked", check.layers_checked},
                                         {"heads_checked", check.heads_checked},
                                         {"worst_error", check.worst_error},
                                         {"worst_where", check.worst_where},
                                         {"problems", check.problems}};
    return json.dump(2) + "\n";
}

}  // namespace attohm
