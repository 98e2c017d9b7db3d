// Why: the command a person types. Each subcommand is in a file of its own; this one only lists them.

import ArgumentParser
import CommandSupport

@main
struct MF: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mf",
        abstract: "Factorizes rating matrices of any size with alternating least squares.",
        version: programVersion,
        subcommands: [
            ImportCommand.self, GenerateCommand.self, TrainCommand.self, EvaluateCommand.self, TuneCommand.self,
            RecommendCommand.self, InspectCommand.self, KeygenCommand.self, BenchCommand.self,
        ])

    static func main() async { await runCommand(MF.self) }
}
