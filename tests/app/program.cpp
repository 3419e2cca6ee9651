#include "tests/app/program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>

#include "src/base/text.hpp"
#include "tests/base/temporary_directory.hpp"

extern char** environ;

namespace attohm::testing {

namespace {

std::vector<std::string> environment_with(const std::map<std::string, std::string>& changes) {
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string text = *entry;
        if (!changes.contains(text.substr(0, text.find('=')))) all.push_back(text);
    }
    for (const auto& [name, value] : changes) all.push_back(name + "=" + value);
    return all;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> all;
    for (std::string& word : words) all.push_back(word.data());
    all.push_back(nullptr);
    return all;
}

ProgramRun run_program(std::vector<std::string> words,
                       const std::map<std::string, std::string>& changes) {
    const TemporaryDirectory directory;
    const std::string out = directory.file("out"), err = directory.file("err");
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    constexpr int kNew = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out.c_str(), kNew, 0600);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err.c_str(), kNew, 0600);
    std::vector<std::string> variables = environment_with(changes);
    pid_t child = 0;
    const int failure = posix_spawnp(&child, words.front().c_str(), &files, nullptr,
                                     pointers(words).data(), pointers(variables).data());
    posix_spawn_file_actions_destroy(&files);
    if (failure != 0) throw std::runtime_error("cannot run " + words.front());
    int status = 0;
    rusage used{};
    if (wait4(child, &status, 0, &used) != child) throw std::runtime_error("lost " + words.front());
    ProgramRun run;
    for (const timeval& part : {used.ru_utime, used.ru_stime})
        run.cpu_s += static_cast<double>(part.tv_sec) + 1e-6 * static_cast<double>(part.tv_usec);
    run.peak_MiB = static_cast<double>(used.ru_maxrss) / 1024.0;
    run.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    run.out = read_text_file(out);
    run.err = read_text_file(err);
    return run;
}

}  // namespace

ProgramRun run_attohm(const std::vector<std::string>& arguments,
                      const std::map<std::string, std::string>& environment) {
    std::vector<std::string> words = {ATTOHM_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_program(std::move(words), environment);
}

ProgramRun run_moved_attohm(const std::string& place, const std::vector<std::string>& arguments) {
    std::filesystem::copy_file(ATTOHM_PROGRAM, place,
                               std::filesystem::copy_options::overwrite_existing);
    std::vector<std::string> words = {place};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_program(words, {});
}

int h5diff(const std::string& a, const std::string& b) {
    return run_program({"h5diff", a, b}, {}).code;
}

std::vector<std::string> blas_core_types() {
    std::vector<std::string> types = {""};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) types.push_back("Haswell");
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        types.push_back("SkylakeX");
    return types;
}

}  // namespace attohm::testing
