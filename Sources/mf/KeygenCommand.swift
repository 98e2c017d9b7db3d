// Why: a cluster whose keys are a nuisance to make runs without them.

import ArgumentParser
import ClusterRuntime
import CommandSupport
import Failures

struct KeygenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen",
        abstract: "Makes a pair of keys for a coordinator or a worker.",
        discussion: """
            Writes NAME.key, which others may know, and NAME.key_secret, which stays where it is used. A coordinator \
            needs its own pair, and the public keys of its workers in one folder; a worker its own pair, and the \
            coordinator's public key. Files that exist are never replaced.

            Example:
              mf keygen coordinator                     (on the coordinator's host)
              mf keygen gpu1                            (on the worker's)
              mkdir -m 700 workers                      (copy gpu1.key there)
              mf-coordinator ... --listen tcp://10.0.0.1:5555 \\
                  --key coordinator.key_secret --allow workers
              mf-worker --coordinator tcp://10.0.0.1:5555 \\
                  --key gpu1.key_secret --coordinator-key coordinator.key
            """)

    @Argument(
        help: ArgumentHelp(
            "The files' path without its suffix; a worker is called by its last part.", valueName: "name"))
    var name: String

    @Flag(help: "Print the paths as JSON.")
    var json = false

    private struct Report: Encodable {
        var publicKey: String
        var secretKey: String

        enum CodingKeys: String, CodingKey {
            case publicKey = "public_key"
            case secretKey = "secret_key"
        }
    }

    func run() throws {
        let paths = try KeyFiles.create(name)
        if json { return try printJSON(Report(publicKey: paths.publicKey, secretKey: paths.secretKey)) }
        print("\(paths.publicKey): the public key, to be copied to where it is to be trusted")
        print("\(paths.secretKey): the secret key, which stays on this host")
    }
}
