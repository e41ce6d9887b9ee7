"""The command `ktrain-sentiment evaluate`, from a clone."""

from ktrain_sentiment.commands.dispatch import main

if __name__ == "__main__":
    main("evaluate")
