#include "src/sweep/sweep.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <set>

#include "src/base/atomic_file.hpp"
#include "src/base/blas.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/base/sha256.hpp"
#include "src/base/version.hpp"
#include "src/machine/machine.hpp"
#include "src/replay/replay.hpp"
#include "src/replay/result_io.hpp"
#include "src/replay/statistics.hpp"

namespace attohm {

namespace {

namespace fs = std::filesystem;

void make_directory(const std::string& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (!error && fs::is_directory(path)) return;
    throw UserError("cannot make the directory of the sweep", path,
                    error ? error.message() : "a file", "a directory that can be written");
}

/// The values of an extended axis, in order.
std::vector<double> values_of(const Extend& extend) {
    std::vector<double> values;
    // A limit that is a power of the factor is reached whatever the rounding.
    const double end = extend.limit * (1.0 + 1e-9);
    for (double v = extend.from; v <= end; v *= extend.factor) values.push_back(v);
    return values;
}

class SweepRun {
  public:
    SweepRun(const SweepSpec& spec, const SweepOptions& options, const SweepProgress& progress)
        : spec_(spec),
          options_(options),
          progress_(progress),
          trace_(spec.trace),
          files_(spec.parts.size()) {
        for (const SweepPart& part : spec.parts) {
            all_ += part.points.size() * (part.extend ? values_of(*part.extend).size() : 1);
        }
    }

    SweepOutcome run() {
        check_points();
        if (!options_.force) refuse_to_replace();
        make_directory(points_directory());
        run_fixed_points();
        for (std::size_t p = 0; p < spec_.parts.size(); ++p) {
            if (spec_.parts[p].extend) run_extended(spec_.parts[p], files_[p]);
        }
        gather();
        return outcome_;
    }

  private:
    std::string points_directory() const { return options_.directory + "/points"; }
    std::string results_path() const { return options_.directory + "/results.h5"; }

    /// Everything wrong with any point is found before one of them runs, and so is a key that the
    /// user gave and that no point of the whole sweep reads.
    void check_points() const {
        Settings joined = experiment_preset();
        for (const SweepPart& part : spec_.parts) {
            for (const SweepPoint& point : part.points) {
                if (!part.extend) {
                    check_point(point, joined);
                    continue;
                }
                const Extend& extend = *part.extend;
                for (const double v : values_of(extend)) {
                    const Mode mode = check_point(extended_point(point, extend, v), joined);
                    if (extend.until == Until::limit || mode == Mode::closed) continue;
                    throw UserError("`until: top1-drop` needs task accuracy", extend.where,
                                    "an open-loop replay", "until: limit, or a trace with weights");
                }
            }
        }
        joined.require_all_read();
    }

    Settings settings_of(const SweepPoint& point) const {
        Settings settings = point_settings(point);
        choose_scheme(trace_, settings);
        return settings;
    }

    /// Visits every point that the sweep may come to.
    template <class Visit>
    void for_points(Visit visit) const {
        for (const SweepPart& part : spec_.parts)
            for (const SweepPoint& point : part.points) {
                if (!part.extend) visit(point);
                if (part.extend)
                    for (const double v : values_of(*part.extend))
                        visit(extended_point(point, *part.extend, v));
            }
    }

    /// Results and finished points of another sweep are not lost to this one.
    void refuse_to_replace() const {
        if (fs::exists(results_path())) refuse_other_results();
        const std::vector<std::string> left = finished_points();
        if (left.empty()) return;
        std::set<std::string> own;
        for_points([&](const SweepPoint& p) { own.insert(identity(p, settings_of(p)) + ".h5"); });
        for (const std::string& name : left)
            if (!own.contains(name))
                refuse(points_directory() + "/" + name,
                       "a finished point of another sweep, version or OpenBLAS core type");
    }

    void refuse_other_results() const {
        ResultOrigin there;
        try {
            there = read_origin(results_path());
        } catch (const UserError&) {
            refuse(results_path(), "a file that is no result of this version");
        }
        if (there.sweep_yaml.empty()) refuse(results_path(), "the result of a run");
        if (there.sweep_yaml != spec_.text) refuse(results_path(), "the results of another sweep");
        if (there.trace_id != trace_.reader().trace_id())
            refuse(results_path(), "the results of the same sweep over another trace");
        std::set<std::string> own;
        for_points([&](const SweepPoint& p) {
            const Settings settings = settings_of(p);
            own.insert(user_files(settings));
            for (const std::string& machine : machines_of_point(settings)) own.insert(machine);
        });
        if (!std::includes(own.begin(), own.end(), there.files.begin(), there.files.end()))
            refuse(results_path(), "the results of the same sweep with another card or machine");
    }

    /// Resolved settings of its machines.
    static std::vector<std::string> machines_of_point(const Settings& settings) {
        std::vector<std::string> machines =
            machines_of(settings, find_scheme(settings.entry("scheme").values.front()));
        for (std::string& machine : machines) machine = machine_settings(machine).resolved_yaml();
        return machines;
    }

    std::vector<std::string> finished_points() const {
        std::vector<std::string> names;
        if (!fs::is_directory(points_directory())) return names;
        for (const auto& entry : fs::directory_iterator(points_directory()))
            if (entry.path().extension() == ".h5")
                names.push_back(entry.path().filename().string());
        std::sort(names.begin(), names.end());
        return names;
    }

    [[noreturn]] static void refuse(const std::string& where, const char* got) {
        throw UserError("the directory of the sweep is taken", where, got,
                        "--force to replace it, or another directory");
    }

    Mode check_point(const SweepPoint& point, Settings& joined) const {
        const Settings settings = settings_of(point);
        const Mode mode = check_replay(trace_, settings);
        overlay_point(point, joined);
        joined.merge_read(settings);
        return mode;
    }

    void run_fixed_points() {
        struct Job {
            const SweepPoint* point;
            std::string* file;
        };
        std::vector<Job> jobs;
        for (std::size_t p = 0; p < spec_.parts.size(); ++p) {
            const SweepPart& part = spec_.parts[p];
            if (part.extend) continue;
            files_[p].resize(part.points.size());
            for (std::size_t i = 0; i < part.points.size(); ++i) {
                jobs.push_back({&part.points[i], &files_[p][i]});
            }
        }
        parallel_for(jobs.size(),
                     [&](std::size_t i) { *jobs[i].file = run_point(*jobs[i].point); });
    }

    void run_extended(const SweepPart& part, std::vector<std::string>& files) {
        const Extend& extend = *part.extend;
        const std::vector<double> values = values_of(extend);
        for (const SweepPoint& point : part.points) {
            std::optional<Result> first;
            std::size_t left = values.size();
            for (const double v : values) {
                files.push_back(run_point(extended_point(point, extend, v)));
                --left;
                if (extend.until == Until::limit) continue;
                Result result = read_results(files.back()).front();
                if (!first) {
                    first = std::move(result);
                } else if (dropped(*first, result)) {
                    break;
                }
            }
            all_ -= left;
        }
    }

    /// Top-1 fell below the first point's by more than the interval of the paired difference.
    static bool dropped(const Result& first, const Result& now) {
        return paired_top1_difference(now.samples, first.samples, now.seed).high < 0.0;
    }

    /// What a point computes and what its file says of it: nothing else may take its place.
    std::string identity(const SweepPoint& point, const Settings& settings) const {
        std::string text = fmt::format("{}\n{}\n{}\n{}\n", version(), blas_core_type(),
                                       trace_.reader().trace_id(), point.part);
        for (const auto& [key, value] : point.axes) text += fmt::format("{}={}\n", key, value);
        for (const std::string& machine : machines_of_point(settings)) text += machine;
        return sha256_hex(text + settings.resolved_yaml() + user_files(settings));
    }

    std::string run_point(const SweepPoint& point) {
        const Settings settings = settings_of(point);
        const std::string path =
            fmt::format("{}/{}.h5", points_directory(), identity(point, settings));
        if (options_.resume && fs::exists(path)) {
            ++reused_;
        } else {
            Result result = replay(trace_, settings);
            result.axes = point.axes;
            result.axes.emplace_back("part", point.part);
            write_result(path, result);
        }
        const std::lock_guard lock(mutex_);
        if (progress_) progress_(++done_, all_);
        return path;
    }

    void gather() {
        std::vector<Result> results;
        for (const std::vector<std::string>& part : files_) {
            for (const std::string& file : part) {
                for (Result& result : read_results(file)) results.push_back(std::move(result));
            }
        }
        write_results(results_path(), results, spec_.text);
        outcome_ = {results_path(), results.size(), reused_};
        fs::remove_all(points_directory());
    }

    const SweepSpec& spec_;
    const SweepOptions& options_;
    const SweepProgress& progress_;
    ReplayTrace trace_;
    std::vector<std::vector<std::string>> files_;  ///< of the points, by part, in the sweep's order
    std::mutex mutex_;
    std::size_t done_ = 0;  ///< guarded by mutex_
    std::size_t all_ = 0;
    std::atomic<std::size_t> reused_ = 0;
    SweepOutcome outcome_;
};

}  // namespace

SweepOutcome run_sweep(const SweepSpec& spec, const SweepOptions& options,
                       const SweepProgress& progress) {
    make_directory(options.directory);
    // An output that cannot be written is known before the work, not after.
    { const AtomicFile probe(options.directory + "/results.h5"); }
    return SweepRun(spec, options, progress).run();
}

}  // namespace attohm
