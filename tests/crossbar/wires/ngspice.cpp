#include "tests/crossbar/wires/ngspice.hpp"

#include <sys/wait.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "src/base/atomic_file.hpp"
#include "src/base/text.hpp"
#include "tests/base/temporary_directory.hpp"

namespace attohm::testing {

std::string run_ngspice(const std::string& netlist, const std::string& file) {
    constexpr int kNotFound = 127;
    const TemporaryDirectory directory;
    write_file_atomically(directory.file("case.cir"), netlist);
    const std::string command =
        "cd '" + directory.path() + "' && ngspice -n -b case.cir >out.txt 2>err.txt </dev/null";
    const int status = std::system(command.c_str());
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code == kNotFound)
        throw std::runtime_error(
            "ngspice is not installed: Debian package ngspice, or scripts/setup --tests");
    const std::string out = read_text_file(directory.file("out.txt"));
    if (code != 0)
        throw std::runtime_error("ngspice ended with code " + std::to_string(code) + ":\n" +
                                 read_text_file(directory.file("err.txt")) + out);
    return file == "out.txt" ? out : read_text_file(directory.file(file));
}

Matrix<double> ngspice_currents(const std::string& netlist, std::size_t batch,
                                std::size_t columns) {
    const std::string out = run_ngspice(netlist);
    Matrix<double> currents(batch, columns, std::numeric_limits<double>::quiet_NaN());
    std::istringstream lines(out);
    std::size_t input = batch;
    for (std::string line; std::getline(lines, line);) {
        std::size_t column = 0;
        double ampere = 0.0;
        if (std::sscanf(line.c_str(), "attohm input %zu", &input) == 1) continue;
        if (std::sscanf(line.c_str(), "i(vsense_c%zu) = %lf", &column, &ampere) == 2 &&
            input < batch && column < columns)
            currents(input, column) = ampere;
    }
    for (std::size_t k = 0; k < currents.size(); ++k)
        if (std::isnan(currents.data()[k]))
            throw std::runtime_error("ngspice printed no current " + std::to_string(k) + ":\n" +
                                     out);
    return currents;
}

}  // namespace attohm::testing
