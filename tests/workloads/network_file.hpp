#pragma once

#include <string>
#include <vector>

#include "src/base/hdf5.hpp"
#include "workloads/trace.hpp"

/// Closed-loop traces without layers, written by hand from a network in memory.
namespace attohm::testing {

/// A trace file that is right; open until `finish`, so that a test can add to it.
class NetworkFile {
  public:
    NetworkFile(const std::string& path, const ModelInfo& model, const Weights& weights);

    H5Group root() const { return file_.root(); }
    void thresholds(const std::vector<float>& per_layer) const;
    /// Adds /samples/NNNNNN, or /calibration/NNNNNN. Returns: its group.
    H5Group sample(const Sample& sample);
    void finish();

  private:
    H5File file_;
    ModelInfo model_;
    int samples_ = 0;
    int calibration_samples_ = 0;
};

}  // namespace attohm::testing
