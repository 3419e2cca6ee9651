#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>

#include "tests/base/temporary_directory.hpp"
#include "tests/workloads/random_network.hpp"
#include "workloads/forward.hpp"
#include "workloads/graph_network.hpp"
#include "workloads/trace_check.hpp"
#include "workloads/trace_reader.hpp"

using namespace attohm;
using namespace attohm::testing;

namespace {

/// Where Debian's python3-torch and python3-h5py are.
constexpr const char* kPython = "/usr/bin/python3";

int shell(const std::string& command) {
    return std::system((command + " > /dev/null 2>&1").c_str());
}

/// Logits of the C++ network, of either kind.
Matrix<float> logits_of(const TraceReader& reader, const Sample& sample) {
    SampleContext context;
    if (reader.model().family == "gcn")
        return GraphNetwork(reader.model(), reader.weights())
            .run(ExactScheme(), reader.graph_input(sample), context);
    CHECK_NOTHROW(reader.require_recomputable(sample));
    return Network(reader.model(), reader.weights()).run(ExactScheme(), sample, context);
}

/// Largest difference of the C++ network from the logits that PyTorch gave, over real tokens.
double worst_logit(const TraceReader& reader) {
    double worst = 0.0;
    for (int index = 0; index < reader.samples(); ++index) {
        const Sample sample = reader.sample(index);
        const Matrix<float> logits = logits_of(reader, sample);
        REQUIRE(sample.logits.rows() == logits.rows());
        REQUIRE(sample.logits.cols() == logits.cols());
        const std::size_t rows = logits.rows() > 1 && sample.valid_len >= 0
                                     ? static_cast<std::size_t>(sample.valid_len)
                                     : logits.rows();
        for (std::size_t e = 0; e < rows * logits.cols(); ++e)
            worst = std::max(worst, std::abs(static_cast<double>(logits.data()[e]) -
                                             static_cast<double>(sample.logits.data()[e])));
    }
    return worst;
}

}  // namespace

TEST_CASE("networks exported from PyTorch give PyTorch's logits", "[golden]") {
    if (shell(std::string(kPython) + " -c 'import torch, h5py'") != 0) {
        std::cerr << "NOT RUN: networks exported from PyTorch give PyTorch's logits (" << kPython
                  << " has no torch or no h5py: apt install python3-torch python3-h5py)\n";
        SUCCEED("not run: no PyTorch");
        return;
    }
    const TemporaryDirectory directory;
    const std::string script = ATTOHM_SOURCE_DIR "/tests/workloads/export/make_models.py";
    REQUIRE(shell(std::string(kPython) + " -B " + script + " " + directory.file("models")) == 0);
    for (const char* family : {"vit", "bert", "llama", "gpt", "gcn"}) {
        CAPTURE(family);
        const std::string path = directory.file(std::string("models/") + family + ".h5");
        const TraceCheck check = check_trace(path);
        CHECK(check.problems == std::vector<std::string>{});
        const TraceReader reader(path);
        CHECK(reader.model().family == family);
        // Of attention alone.
        const bool attends = reader.model().heads > 0;
        CHECK(check.layers_checked == (attends ? reader.samples() * reader.model().layers : 0));
        const double worst = worst_logit(reader);
        INFO("largest difference " << worst);
        CHECK(worst < 1e-3);
    }
}
