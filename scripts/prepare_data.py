"""The command `ktrain-sentiment prepare`, from a clone."""

from ktrain_sentiment.commands.dispatch import main

if __name__ == "__main__":
    main("prepare")
