from amiko.cli import main

main()
