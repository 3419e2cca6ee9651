#include "src/sweep/sweep.hpp"

#include <atomic>
#include <filesystem>
#include <mutex>

#include "src/base/atomic_file.hpp"
#include "src/base/error.hpp"
#include "src/base/parallel.hpp"
#include "src/base/sha256.hpp"
#include "src/base/version.hpp"
#include "src/replay/replay.hpp"
#include "src/replay/result_io.hpp"
#include "src/replay/statistics.hpp"

namespace attohm {

namespace {

namespace fs = std::filesystem;

class SweepRun {
  public:
    SweepRun(const SweepSpec& spec, const SweepOptions& options, const SweepProgress& progress)
        : spec_(spec), options_(options), progress_(progress), trace_(spec.trace) {
        fs::create_directories(points_directory());
        for (const SweepPart& part : spec.parts) {
            all_ += part.points.size() * (part.extend ? steps(*part.extend) : 1);
        }
    }

    SweepOutcome run() {
        check_settings();
        run_fixed_points();
        for (const SweepPart& part : spec_.parts) {
            if (part.extend) run_extended(part);
        }
        require_all_read();
        gather();
        return outcome_;
    }

  private:
    std::string points_directory() const { return options_.directory + "/points"; }
    std::string results_path() const { return options_.directory + "/results.h5"; }

    static std::size_t steps(const Extend& extend) {
        std::size_t count = 0;
        for (double v = extend.from; v <= extend.limit * (1.0 + 1e-9); v *= extend.factor) ++count;
        return count;
    }

    /// Every point's settings are parsed before any of them runs.
    void check_settings() {
        for (const SweepPart& part : spec_.parts) {
            for (const SweepPoint& point : part.points) {
                load_experiment(point_settings(
                    part.extend ? extended_point(point, *part.extend, part.extend->from) : point));
            }
        }
    }

    void run_fixed_points() {
        std::vector<const SweepPoint*> points;
        for (const SweepPart& part : spec_.parts) {
            if (part.extend) continue;
            for (const SweepPoint& point : part.points) points.push_back(&point);
        }
        std::vector<std::string> files(points.size());
        parallel_for(points.size(), [&](std::size_t i) { files[i] = run_point(*points[i]); });
        files_.insert(files_.end(), files.begin(), files.end());
    }

    void run_extended(const SweepPart& part) {
        const Extend& extend = *part.extend;
        for (const SweepPoint& point : part.points) {
            std::optional<Result> first;
            std::size_t left = steps(extend);
            for (double v = extend.from; v <= extend.limit * (1.0 + 1e-9); v *= extend.factor) {
                files_.push_back(run_point(extended_point(point, extend, v)));
                --left;
                Result result = read_results(files_.back()).front();
                if (!first) {
                    first = std::move(result);
                } else if (extend.until == Until::top1_drop && dropped(*first, result, extend)) {
                    break;
                }
            }
            all_ -= left;
        }
    }

    /// Top-1 fell below the first point's by more than the interval of the paired difference.
    static bool dropped(const Result& first, const Result& now, const Extend& extend) {
        if (!first.accuracy || !now.accuracy) {
            throw UserError("`until: top1-drop` needs task accuracy", extend.where,
                            "an open-loop trace", "until: limit, or a trace with weights");
        }
        return paired_top1_difference(now.samples, first.samples, now.seed).high < 0.0;
    }

    std::string run_point(const SweepPoint& point) {
        const Settings settings = point_settings(point);
        const std::string identity =
            fmt::format("{}\n{}\n{}\n{}", version(), trace_.reader().trace_id(), point.part,
                        settings.resolved_yaml());
        const std::string path = fmt::format("{}/{}.h5", points_directory(), sha256_hex(identity));
        if (options_.resume && fs::exists(path)) {
            // What a finished point read is what it stored.
            mark_stored_keys(settings, read_results(path).front());
            ++reused_;
        } else {
            Result result = replay(trace_, settings);
            result.axes = point.axes;
            result.axes.emplace_back("part", point.part);
            write_result(path, result);
        }
        const std::lock_guard lock(mutex_);
        settings_.push_back(settings);
        if (progress_) progress_(++done_, all_);
        return path;
    }

    static void mark_stored_keys(const Settings& settings, const Result& result) {
        const Settings stored = Settings::from_text(result.experiment_yaml, "stored experiment");
        for (const std::string& key : stored.keys()) settings.mark_read(key);
    }

    /// A key that the user gave and that no point of the whole sweep reads is an error.
    void require_all_read() const {
        if (settings_.empty()) return;
        const Settings& joined = settings_.front();
        for (const Settings& settings : settings_) joined.merge_read(settings);
        for (const Settings& settings : settings_) {
            settings.merge_read(joined);
            settings.require_all_read();
        }
    }

    void gather() {
        std::vector<Result> results;
        for (const std::string& file : files_) {
            for (Result& result : read_results(file)) results.push_back(std::move(result));
        }
        write_results(results_path(), results, spec_.text);
        outcome_ = {results_path(), results.size(), reused_};
        fs::remove_all(points_directory());
    }

    const SweepSpec& spec_;
    const SweepOptions& options_;
    const SweepProgress& progress_;
    ReplayTrace trace_;
    std::vector<std::string> files_;  ///< of the points, in the order of the sweep
    std::mutex mutex_;
    std::vector<Settings> settings_;  ///< guarded by mutex_
    std::size_t done_ = 0;            ///< guarded by mutex_
    std::size_t all_ = 0;
    std::atomic<std::size_t> reused_ = 0;
    SweepOutcome outcome_;
};

}  // namespace

SweepOutcome run_sweep(const SweepSpec& spec, const SweepOptions& options,
                       const SweepProgress& progress) {
    std::error_code error;
    fs::create_directories(options.directory, error);
    if (error) {
        throw UserError("cannot make the directory of the sweep", options.directory, error.message(),
                        "a directory that can be written");
    }
    // An output that cannot be written is known before the work, not after.
    { const AtomicFile probe(options.directory + "/results.h5"); }
    return SweepRun(spec, options, progress).run();
}

}  // namespace attohm
