#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "src/replay/experiment.hpp"
#include "src/replay/result_columns.hpp"
#include "src/replay/result_io.hpp"
#include "src/replay/result_parts.hpp"

namespace attohm {

namespace {

void read_header(const H5Group& group, Result& result) {
    result.version = group.text("version");
    result.scheme = group.text("scheme");
    result.mode = group.text("mode");
    result.trace_id = group.text("trace_id");
    result.trace_name = group.text("trace_name");
    result.blas_core = group.text("blas_core");
    result.seed = std::bit_cast<std::uint64_t>(group.integer("seed"));
    result.chip = std::bit_cast<std::uint64_t>(group.integer("chip"));
    if (group.has_attribute("weights"))
        result.network = NetworkSize{group.integer("weights"), group.integer("nonzero_weights")};
    result.experiment_yaml = group.read_text("experiment");
    const auto list = [&](std::string_view name) {
        return group.has_dataset(name) ? group.read_texts(name) : std::vector<std::string>();
    };
    result.notes = list("notes");
    result.assumed = list("assumed");
    result.fitted = list("fitted");

    const ColumnReader axes(group, "axes");
    const std::vector<std::string> keys = axes.texts("key");
    const std::vector<std::string> values = axes.texts("value");
    for (std::size_t i = 0; i < axes.rows(); ++i) result.axes.emplace_back(keys[i], values[i]);
}

std::vector<SampleOutcome> read_samples(const H5Group& group) {
    const ColumnReader table(group, "samples");
    std::vector<SampleOutcome> samples(table.rows());
    table.fields(sample_fields(), row_pointers(samples));
    if (!table.group().has_dataset("logits")) return samples;
    const H5Shape shape = table.group().info("logits").shape;
    if (shape.size() != 2 || shape[0] != samples.size() || shape[1] == 0)
        throw UserError("wrong shape", table.group().where("logits"), shape_text(shape),
                        fmt::format("[{}, classes]", samples.size()));
    const auto logits = table.numbers<float>("logits", shape[1]);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const float* row = logits.data() + i * shape[1];
        samples[i].logits.assign(row, row + shape[1]);
    }
    return samples;
}

Accuracy read_accuracy(const H5Group& group) {
    const ColumnReader table(group, "accuracy");
    std::vector<Interval> rows(table.rows());
    table.fields(interval_fields(), row_pointers(rows));
    const std::vector<std::string> names = table.texts("quantity");
    Accuracy accuracy;
    for (const AccuracyField& field : accuracy_fields()) {
        const auto found = std::find(names.begin(), names.end(), field.name);
        if (found == names.end())
            throw UserError("missing quantity", table.group().where("quantity"), "nothing",
                            std::string(field.name));
        accuracy.*field.member = rows[static_cast<std::size_t>(found - names.begin())];
    }
    accuracy.samples = table.group().integer("samples");
    if (table.group().has_attribute("nodes")) accuracy.nodes = table.group().integer("nodes");
    table.group().read("logit_rms", std::span<double>(&accuracy.logit_rms, 1));
    return accuracy;
}

void read_eyes(const ColumnReader& table, std::vector<HeadSummary>& heads) {
    constexpr std::size_t kBins = ScoreEye::kBins;
    for (const EyeField& field : eye_fields()) {
        const auto bins = table.numbers<std::int64_t>(fmt::format("eye_{}", field.name), kBins);
        for (std::size_t i = 0; i < heads.size(); ++i) {
            const auto first = bins.begin() + static_cast<std::ptrdiff_t>(i * kBins);
            (heads[i].report.eye.*field.member)
                .assign(first, first + static_cast<std::ptrdiff_t>(kBins));
        }
    }
}

void read_columns(const ColumnReader& table, std::vector<HeadSummary>& heads) {
    constexpr std::size_t kBins = ColumnProfile::kBins;
    for (const ColumnField& field : column_fields()) {
        const auto bins = table.numbers<std::int64_t>(fmt::format("column_{}", field.name), kBins);
        for (std::size_t i = 0; i < heads.size(); ++i) {
            const auto first = bins.begin() + static_cast<std::ptrdiff_t>(i * kBins);
            (heads[i].report.columns.*field.member)
                .assign(first, first + static_cast<std::ptrdiff_t>(kBins));
        }
    }
}

void read_times(const ColumnReader& table, std::vector<HeadSummary>& heads) {
    constexpr std::size_t kBins = HeadReport::kTimeBins;
    const auto bins = table.numbers<std::int64_t>("decision_times", kBins);
    for (std::size_t i = 0; i < heads.size(); ++i) {
        const auto first = bins.begin() + static_cast<std::ptrdiff_t>(i * kBins);
        heads[i].report.decision_times.assign(first, first + static_cast<std::ptrdiff_t>(kBins));
    }
}

void read_codes(const ColumnReader& table, std::vector<HeadSummary>& heads) {
    constexpr std::size_t kBins = HeadReport::kAdcBins;
    const auto bins = table.numbers<std::int64_t>("adc_codes", kBins);
    for (std::size_t i = 0; i < heads.size(); ++i) {
        const auto first = bins.begin() + static_cast<std::ptrdiff_t>(i * kBins);
        heads[i].report.adc_codes.assign(first, first + static_cast<std::ptrdiff_t>(kBins));
    }
}

void read_fidelity(const H5Group& group, std::string_view name, std::vector<HeadSummary>& heads,
                   std::optional<Fidelity> HeadSummary::*member) {
    if (!group.has_group(name)) return;
    const ColumnReader table(group, name);
    if (table.rows() != heads.size())
        throw UserError("wrong number of rows", table.group().where(),
                        fmt::format("{}", table.rows()), fmt::format("{}", heads.size()));
    std::vector<Fidelity> rows(table.rows());
    table.fields(fidelity_fields(), row_pointers(rows));
    for (std::size_t i = 0; i < heads.size(); ++i)
        if (rows[i].rows >= 0) heads[i].*member = rows[i];
}

std::vector<HeadSummary> read_heads(const H5Group& group) {
    const ColumnReader table(group, "heads");
    std::vector<HeadSummary> heads(table.rows());
    head_fields(table, row_pointers(heads));
    read_eyes(table, heads);
    read_columns(table, heads);
    read_times(table, heads);
    read_codes(table, heads);
    read_fidelity(table.group(), "to_exact", heads, &HeadSummary::to_exact);
    read_fidelity(table.group(), "to_threshold", heads, &HeadSummary::to_threshold);
    return heads;
}

Result read_one(const H5Group& group) {
    Result result;
    read_header(group, result);
    result.samples = read_samples(group);
    if (group.has_group("accuracy")) result.accuracy = read_accuracy(group);
    read_token_scores(group, result);
    result.heads = read_heads(group);
    result.machines = read_machines(group);
    return result;
}

/// Throws: UserError unless the file says that it is a result of this major version.
void check_format(const H5Group& root) {
    const std::string allowed = fmt::format("a result file (format \"{}\")", kResultFormat);
    if (!root.has_attribute("format"))
        throw UserError("not a result file", root.where_attribute("format"), "nothing", allowed);
    if (const std::string format = root.text("format"); format != kResultFormat)
        throw UserError("not a result file", root.where_attribute("format"), format, allowed);
    const std::string version = root.text("schema_version");
    const std::string major(kResultSchema.substr(0, kResultSchema.find('.') + 1));
    if (!version.starts_with(major))
        throw UserError("unknown version of the result format",
                        root.where_attribute("schema_version"), version, major + "x");
}

/// The groups with one result each.
std::vector<H5Group> result_groups(const H5Group& root) {
    check_format(root);
    if (!root.has_group("settings")) return {root};
    const H5Group settings = root.group("settings");
    const std::vector<std::string> names = settings.groups();
    const std::int64_t count = settings.integer("count");
    if (count != static_cast<std::int64_t>(names.size()) || count == 0)
        throw UserError("wrong number of settings", settings.where(),
                        fmt::format("{}", names.size()), fmt::format("{}, at least one", count));
    std::vector<H5Group> groups;
    for (const std::string& name : names) groups.push_back(settings.group(name));
    return groups;
}

}  // namespace

std::vector<Result> read_results(const std::string& path) {
    const H5File file = H5File::open(path);
    std::vector<Result> results;
    for (const H5Group& group : result_groups(file.root())) results.push_back(read_one(group));
    return results;
}

ResultOrigin read_origin(const std::string& path) {
    const H5File file = H5File::open(path);
    const H5Group root = file.root();
    ResultOrigin origin;
    for (const H5Group& group : result_groups(root)) {
        if (origin.trace_id.empty()) origin.trace_id = group.text("trace_id");
        origin.files.insert(stored_user_files(group.read_text("experiment")));
        for (std::string& machine : ColumnReader(group, "machines").texts("settings"))
            origin.files.insert(std::move(machine));
    }
    origin.files.erase("");
    if (root.has_dataset("sweep")) origin.sweep_yaml = root.read_text("sweep");
    return origin;
}

}  // namespace attohm
