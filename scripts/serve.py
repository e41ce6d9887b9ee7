"""The command `ktrain-sentiment serve`, from a clone."""

from ktrain_sentiment.commands.dispatch import main

if __name__ == "__main__":
    main("serve")
